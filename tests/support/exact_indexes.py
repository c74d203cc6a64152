"""The table of template.yaml and its indexes, as the engine in memory reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.support.dynamo_expressions import Attributes, tokens_of
from tests.support.engines import table_definition

type Key = tuple[str, str]


def key_of(item: Mapping[str, Any]) -> Key:
    """The key of an item."""
    return item["pk"]["S"], item["sk"]["S"]


@dataclass(frozen=True, slots=True)
class Index:
    """The table itself or one of its indexes: by which attributes it sorts."""

    partition: str
    sort: str

    def lists(self, item: Attributes) -> bool:
        return self.partition in item and self.sort in item

    def position(self, item: Attributes) -> tuple[Any, ...]:
        """By the sort key, and in an index by the key of the table after that."""
        ((kind, value),) = item[self.sort].items()
        return (int(value) if kind == "N" else value, *key_of(item))


@cache
def indexes() -> dict[str, Index]:
    """The indexes of template.yaml by name; "" is the table."""
    definition = table_definition()

    def index(schema: Sequence[Mapping[str, str]]) -> Index:
        return Index(schema[0]["AttributeName"], schema[1]["AttributeName"])

    secondary = definition["GlobalSecondaryIndexes"]
    assert all(
        described["Projection"] == {"ProjectionType": "KEYS_ONLY"} for described in secondary
    )
    named = {described["IndexName"]: index(described["KeySchema"]) for described in secondary}
    return {"": index(definition["KeySchema"]), **named}


def copied(item: Mapping[str, Any]) -> Attributes:
    """The item as a response has it: what the caller does with it changes nothing in the table."""
    return {name: _copied_value(value) for name, value in item.items()}


def _copied_value(value: Mapping[str, Any]) -> Mapping[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return {kind: copied(content)}
        case "L":
            return {kind: [_copied_value(element) for element in content]}
        case "SS":
            return {kind: list(content)}
    return {kind: content}


def page_of(found: list[Attributes], arguments: dict[str, Any], index: Index) -> dict[str, Any]:
    limit = arguments.get("Limit", len(found) + 1)
    shown = found[:limit]
    answer: dict[str, Any] = {"Items": [_projected(item, arguments, index) for item in shown]}
    if len(found) >= limit and shown:
        keys = {"pk", "sk", index.partition, index.sort}
        answer["LastEvaluatedKey"] = copied({name: shown[-1][name] for name in keys})
    return answer


def _projected(item: Attributes, arguments: dict[str, Any], index: Index) -> Attributes:
    if "ProjectionExpression" in arguments:
        wanted = {name for name in tokens_of(arguments["ProjectionExpression"]) if name != ","}
    elif "IndexName" in arguments:
        wanted = {"pk", "sk", index.partition, index.sort}
    else:
        return copied(item)
    return copied({name: value for name, value in item.items() if name in wanted})
