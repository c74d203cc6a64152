"""The change log: one item per change of an object by an admin or operator.

It is written in the transaction of the change, nothing edits it, and it has no end. The id begins
with the time, so a tenant's log is sorted by it. The item of a change to a budget is an event as
well, which the stream's consumer publishes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.changes import Change
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.ids import first_ulid
from spendgate_service.store.paging import read_newest
from spendgate_service.store.usage import RECORD_ID_PREFIX

ID_PREFIX = "chg_"
LAST_MOMENT_MS = 2**48 - 1

OF_OBJECT = "about = :about"
OF_ACTOR = "key_id = :actor OR acted_for = :actor"
OF_USAGE = "begins_with(about, :usage)"
OF_OBJECT_AND_ACTOR = f"{OF_OBJECT} AND ({OF_ACTOR})"


def put_of_change(
    table: Table,
    tenant_id: str,
    change: Change,
    *,
    response: str,
    subject: Subject | None,
) -> dict[str, Any]:
    """Build the write, for the transaction of a change, of its entry: two write units per KB.

    `response` is the entry as JSON. A change to a budget, and no other, has a subject.
    """
    item = {
        **values.key(keys.change_key(tenant_id, change.change_id)),
        "at_ms": values.number(change.at_ms),
        "about": values.text(change.about),
        "entry": values.text(response),
        **values.optional_text(
            key_id=change.by.key_id,
            acted_for=change.by.actor,
            subject=None if subject is None else str(subject),
        ),
    }
    return {
        "Put": {"TableName": table.name, "Item": item, "ConditionExpression": keys.IS_NEW},
    }


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Which entries are wanted: from one moment to before another, of an object, by an actor.

    An actor is the id of a key, or whom a key acted for.
    """

    from_ms: int = 0
    to_ms: int = LAST_MOMENT_MS
    about: str | None = None
    actor: str | None = None

    @property
    def sort_keys(self) -> tuple[str, str]:
        """The sort keys between which the entries of the span lie."""
        first, last = (
            keys.CHANGE_PREFIX + first_ulid(ID_PREFIX, now_ms=moment_ms)
            for moment_ms in (self.from_ms, self.to_ms)
        )
        return first, last

    @property
    def expression(self) -> str | None:
        """The filter of the query; None if the time alone decides."""
        match self.about, self.actor:
            case None, None:
                return None
            case _, None:
                return OF_OBJECT
            case None, _:
                return OF_ACTOR
        return OF_OBJECT_AND_ACTOR


def read_changes(
    table: Table, tenant_id: str, wanted: ChangeFilter, *, after: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Read entries as JSON, newest first, and the id after which the rest begins (None: no rest).

    A filter may return fewer than `limit` although there are more.
    """
    partition = keys.changes_partition(tenant_id)
    first, last = wanted.sort_keys
    query = _query(partition, wanted)
    if after is not None:
        place = keys.CHANGE_PREFIX + after
        if place < first:
            return [], None
        if place <= last:  # otherwise the cursor stands before all that is wanted now
            query["ExclusiveStartKey"] = values.key((partition, place))
    found, rest_after = read_newest(table, query, limit=limit)
    entries = [item["entry"]["S"] for item in found]
    return entries, rest_after and rest_after.removeprefix(keys.CHANGE_PREFIX)


def reversed_since(table: Table, tenant_id: str, moment_ms: int) -> Iterator[str]:
    """Read the ids of the usage records that were reversed from a moment on."""
    first, last = ChangeFilter(from_ms=moment_ms).sort_keys
    entries = table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        FilterExpression=OF_USAGE,
        ExpressionAttributeValues={
            ":pk": values.text(keys.changes_partition(tenant_id)),
            ":first": values.text(first),
            ":last": values.text(last),
            ":usage": values.text(RECORD_ID_PREFIX),
        },
        ConsistentRead=True,
    )
    return (entry["about"]["S"] for entry in entries)


def _query(partition: str, wanted: ChangeFilter) -> dict[str, Any]:
    first, last = wanted.sort_keys
    query: dict[str, Any] = {
        "KeyConditionExpression": keys.SORTED_BETWEEN,
        "ExpressionAttributeValues": {
            ":pk": values.text(partition),
            ":first": values.text(first),
            ":last": values.text(last),
            **values.optional_text(**{":about": wanted.about, ":actor": wanted.actor}),
        },
    }
    if wanted.expression is not None:
        query["FilterExpression"] = wanted.expression
    return query
