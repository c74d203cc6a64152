"""What one call touches, and so with which other calls its order matters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.exact_table import Change

type Thing = tuple[str, ...]
"""An item by its key, a partition, a partition of an index, or the clock."""

CLOCK: Thing = ("clock",)
_INDEXED = {"due": ("due_shard", "ends_at"), "by_budget": ("budget_ref", "sk")}


@dataclass(slots=True)
class Footprint:
    """`reads` may be anything; `writes` are items, `touches` all that a reader of them may see."""

    reads: set[Thing] = field(default_factory=set)
    writes: set[Thing] = field(default_factory=set)
    touches: set[Thing] = field(default_factory=set)

    def conflicts(self, other: "Footprint") -> bool:
        """Whether the order of the two matters."""
        return not (
            self.writes.isdisjoint(other.writes)
            and self.reads.isdisjoint(other.touches)
            and other.reads.isdisjoint(self.touches)
        )

    def add_changes(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.writes.add(change.key)
            self.touches |= {change.key, _partition(change.key[0])}
            for index, attributes in _INDEXED.items():
                before, after = (_entry(item, attributes) for item in (change.before, change.after))
                if before != after:
                    self.touches |= {(index, entry[0]) for entry in (before, after) if entry}

    def set_clock(self) -> None:
        self.writes.add(CLOCK)
        self.touches.add(CLOCK)


def _partition(pk: str) -> Thing:
    return ("partition", pk)


def _entry(item: Mapping[str, Any] | None, attributes: tuple[str, str]) -> Thing | None:
    if item is None or any(name not in item for name in attributes):
        return None
    return tuple(str(next(iter(item[name].values()))) for name in attributes)


def things_read(operation: str, arguments: Mapping[str, Any]) -> set[Thing]:
    """What a call looks at, which every conditional write does too."""
    match operation:
        case "get_item" | "update_item" | "delete_item":
            return {_key(arguments["Key"])}
        case "put_item":
            return {_key(arguments["Item"])}
        case "batch_get_item":
            ((_, request),) = arguments["RequestItems"].items()
            return set(map(_key, request["Keys"]))
        case "query":
            return {_queried(arguments)}
        case "transact_write_items":
            return {
                _key(request.get("Key") or request["Item"])
                for write in arguments["TransactItems"]
                for request in write.values()
            }
    raise NotImplementedError(f"no scenario makes this call: {operation}")


def _key(item: Mapping[str, Any]) -> Thing:
    return item["pk"]["S"], item["sk"]["S"]


def _queried(arguments: Mapping[str, Any]) -> Thing:
    """The partition of the table or of an index: the first value of the key condition."""
    text: str = arguments["KeyConditionExpression"]
    placeholder = text.partition("=")[2].split(maxsplit=1)[0]
    partition: str = arguments["ExpressionAttributeValues"][placeholder]["S"]
    index = arguments.get("IndexName")
    return (index, partition) if index else _partition(partition)
