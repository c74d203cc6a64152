"""A small exact DynamoDB in memory: one table, one thread, every call atomic.

It is for suites that make very many calls. What it does is held against DynamoDB Local by
`tests/interleavings/test_exact_table.py`. Items are never changed in place, so a snapshot of the
table is a shallow copy.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from tests.support.dynamo_expressions import (
    Attributes,
    InvalidExpression,
    Scope,
    compare,
    condition_of,
    normalized,
    placeholders_of,
    update_of,
)
from tests.support.exact_indexes import Key, copied, indexes, key_of, page_of

type Answer = dict[str, Any]

TRANSACTION_WRITES_MAX = 100

_SPAN = re.compile(r"BETWEEN (:\w+) AND (:\w+)")


@dataclass(frozen=True, slots=True)
class Change:
    """One item before and after a call; None where there is none."""

    key: Key
    before: Attributes | None
    after: Attributes | None


def _unobserved(_changes: Sequence[Change]) -> None:
    return None


@dataclass
class ExactTable:
    """Implements `DynamoClient` for one table of any name.

    `on_change` hears of every call that changed something, all its items at once.
    """

    items: dict[Key, Attributes] = field(default_factory=dict)
    on_change: Callable[[Sequence[Change]], None] = _unobserved
    _grouped: dict[Key, Attributes] | None = None
    _partitions: dict[str, dict[Key, Attributes]] = field(default_factory=dict)

    # ------------------------------------------------------------------ reads

    def get_item(self, **arguments: Any) -> Answer:
        item = self.items.get(key_of(arguments["Key"]))
        return {} if item is None else {"Item": copied(item)}

    def batch_get_item(self, **arguments: Any) -> Answer:
        ((table, request),) = arguments["RequestItems"].items()
        keys = list(map(key_of, request["Keys"]))
        if len(set(keys)) < len(keys) or not 1 <= len(keys) <= 100:
            _refuse("a batch names 1 to 100 keys, none of them twice")
        found = [copied(self.items[key]) for key in keys if key in self.items]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def query(self, **arguments: Any) -> Answer:
        text = arguments["KeyConditionExpression"]
        condition = _compiled(condition_of, text)
        filter_text = arguments.get("FilterExpression", "")
        names, values = _placeholders(arguments, text, filter_text)
        _refuse_a_span_that_ends_before_it_begins(text, values)
        index = indexes()[arguments.get("IndexName", "")]
        items = self.items if "IndexName" in arguments else self._partition(values[text.split()[2]])
        found = [
            item
            for item in items.values()
            if index.lists(item) and condition(Scope(item, names, values))
        ]
        found.sort(key=index.position, reverse=not arguments.get("ScanIndexForward", True))
        if start := arguments.get("ExclusiveStartKey"):
            after = index.position(start)
            reverse = not arguments.get("ScanIndexForward", True)
            found = [
                item
                for item in found
                if (index.position(item) < after if reverse else index.position(item) > after)
            ]
        page = page_of(found, arguments, index)
        if filter_text:
            is_wanted = _compiled(condition_of, filter_text)
            page["Items"] = [
                item for item in page["Items"] if is_wanted(Scope(item, names, values))
            ]
        return page

    def scan(self, **arguments: Any) -> Answer:
        found = [self.items[key] for key in sorted(self.items)]
        if "ExclusiveStartKey" in arguments:
            after = key_of(arguments["ExclusiveStartKey"])
            found = [item for item in found if key_of(item) > after]
        return page_of(found, arguments, indexes()[""])

    # ------------------------------------------------------------------ writes

    def put_item(self, **arguments: Any) -> Answer:
        self._write([_prepared("Put", arguments)], alone=True)
        return {}

    def update_item(self, **arguments: Any) -> Answer:
        (change,) = self._write([_prepared("Update", arguments)], alone=True)
        if arguments.get("ReturnValues") == "ALL_NEW":
            return {"Attributes": copied(change.after or {})}
        return {}

    def delete_item(self, **arguments: Any) -> Answer:
        self._write([_prepared("Delete", arguments)], alone=True)
        return {}

    def transact_write_items(self, **arguments: Any) -> Answer:
        writes = arguments["TransactItems"]
        if not 1 <= len(writes) <= TRANSACTION_WRITES_MAX:
            _refuse("a transaction has 1 to 100 writes")
        prepared = [
            _prepared(*kind_and_more) for write in writes for kind_and_more in write.items()
        ]
        if len({write.key for write in prepared}) < len(prepared):
            _refuse("a transaction names no item twice")
        self._write(prepared, alone=False)
        return {}

    def _partition(self, value: Mapping[str, str]) -> Mapping[Key, Attributes]:
        """The items of one partition, grouped again where the whole table was replaced."""
        if self._grouped is not self.items:
            self._grouped, self._partitions = self.items, {}
            for key, item in self.items.items():
                self._partitions.setdefault(key[0], {})[key] = item
        return self._partitions.get(value["S"], {})

    def _put(self, key: Key, item: Attributes | None) -> None:
        """Put or remove an item, in its group as well."""
        groups = [self.items]
        if self._grouped is self.items:
            groups.append(self._partitions.setdefault(key[0], {}))
        for group in groups:
            if item is None:
                group.pop(key, None)
            else:
                group[key] = item

    def remove(self, key: Key) -> None:
        """Remove an item as TTL does."""
        before = self.items.get(key)
        if before is not None:
            self._put(key, None)
            self.on_change([Change(key, before, None)])

    def _write(self, writes: Sequence["_Write"], *, alone: bool) -> list[Change]:
        """Apply all writes or none."""
        objecting = [not write.may_go(self.items.get(write.key)) for write in writes]
        if any(objecting):
            if alone:
                _object(writes[0], self.items.get(writes[0].key))
            _cancel(writes, objecting, self.items)
        changes = [
            write.change(self.items.get(write.key))
            for write in writes
            if write.kind != "ConditionCheck"
        ]
        for change in changes:
            self._put(change.key, change.after)
        real = [change for change in changes if change.before != change.after]
        if real:
            self.on_change(real)
        return changes


@dataclass(frozen=True, slots=True)
class _Write:
    """One write, its expressions compiled."""

    kind: str
    key: Key
    arguments: Answer
    names: Mapping[str, str]
    values: Mapping[str, Any]

    def may_go(self, item: Attributes | None) -> bool:
        text = self.arguments.get("ConditionExpression")
        return text is None or condition_of(text)(Scope(item or {}, self.names, self.values))

    def change(self, before: Attributes | None) -> Change:
        match self.kind:
            case "Put":
                return Change(self.key, before, _normalized(self.arguments["Item"]))
            case "Delete":
                return Change(self.key, before, None)
        start = dict(self.arguments["Key"]) if before is None else before
        try:
            after = update_of(self.arguments["UpdateExpression"]).apply(
                Scope(start, self.names, self.values)
            )
        except InvalidExpression as error:
            _refuse(str(error))
        return Change(self.key, before, after)


def _prepared(kind: str, arguments: Answer) -> _Write:
    compilers = {"ConditionExpression": condition_of, "UpdateExpression": update_of}
    texts = [arguments[name] for name in compilers if name in arguments]
    for name, compiler in compilers.items():
        if name in arguments:
            _compiled(compiler, arguments[name])
    names, values = _placeholders(arguments, *texts)
    key = key_of(arguments["Item" if kind == "Put" else "Key"])
    return _Write(kind, key, arguments, names, values)


def _compiled[T](compiler: Callable[[str], T], text: str) -> T:
    try:
        return compiler(text)
    except InvalidExpression as error:
        _refuse(str(error))


def _placeholders(arguments: Answer, *texts: str) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """The names and values of a call, which uses each of them and no other."""
    names = arguments.get("ExpressionAttributeNames", {})
    values = _normalized(arguments.get("ExpressionAttributeValues", {}))
    used = placeholders_of(*texts)
    if len(used) != len(names) + len(values) or used != names.keys() | values.keys():
        _refuse(
            f"placeholders that are unused or undefined: {used ^ (names.keys() | values.keys())}"
        )
    return names, values


def _normalized(attributes: Mapping[str, Any]) -> Attributes:
    return {name: _normalized_value(value) for name, value in attributes.items()}


def _normalized_value(value: Mapping[str, Any]) -> Mapping[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return _number(content)
        case "M":
            return {"M": _normalized(content)}
        case "L":
            return {"L": [_normalized_value(member) for member in content]}
    return value


@lru_cache(maxsize=4096)
def _number(text: str) -> Mapping[str, str]:
    return {"N": normalized(text)}


# ---------------------------------------------------------------------- errors


def _object(write: _Write, item: Attributes | None) -> NoReturn:
    answer = _error("ConditionalCheckFailedException", "The conditional request failed")
    if item is not None and write.arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        answer["Item"] = copied(item)
    raise ClientError(answer, "Any")  # type: ignore[arg-type]


def _cancel(
    writes: Sequence[_Write], objecting: Iterable[bool], items: Mapping[Key, Attributes]
) -> NoReturn:
    reasons: list[Answer] = []
    for write, objects in zip(writes, objecting, strict=True):
        reason: Answer = {"Code": "ConditionalCheckFailed" if objects else "None"}
        wants_old = write.arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        if objects and wants_old and write.key in items:
            reason["Item"] = copied(items[write.key])
        reasons.append(reason)
    answer = _error("TransactionCanceledException", "Transaction cancelled")
    answer["CancellationReasons"] = reasons
    raise ClientError(answer, "TransactWriteItems")  # type: ignore[arg-type]


def _refuse_a_span_that_ends_before_it_begins(text: str, values: Mapping[str, Any]) -> None:
    """Refuse it as DynamoDB does, also where there is nothing to be found."""
    for low, high in _SPAN.findall(text):
        if compare(values[low], ">", values[high]):
            _refuse(f"Invalid KeyConditionExpression: BETWEEN {values[low]} AND {values[high]}")


def _refuse(message: str) -> NoReturn:
    raise ClientError(_error("ValidationException", message), "Any")  # type: ignore[arg-type]


def _error(code: str, message: str) -> Answer:
    return {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
