"""Targets of notifications: one item per tenant with all of them, and one per target for its state.

All targets of a tenant are in one item, so that an event reads them at once, and their number has a
limit without a count. The URLs and secrets stand there as they are, since a message needs them: the
table is encrypted with a key of KMS (SECURITY.md).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, cast

from spendgate_service.domain.notifications import DeliveryState, Notification, OlderSecret
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.values import (
    Item,
    Value,
    key,
    number,
    optional_text,
    read_number,
    read_optional_number,
    read_text,
    text,
)

IS_UNCHANGED = "version = :seen"

MAY_SEND = "attribute_not_exists(next_at_ms) OR next_at_ms <= :now"
TAKE_TURN = "SET next_at_ms = :next"
TAKE_SLOT = "SET slot_at_ms = :slot"
DELIVERED = "SET delivered_at_ms = :now, failures = :none REMOVE failed_at_ms, reason"
FAILED = (
    "SET failed_at_ms = :now, reason = :reason, next_at_ms = :next, "
    "failures = if_not_exists(failures, :none) + :one"
)
TESTED = "SET tested_at_ms = :now"
NO_OTHER_TEST_SINCE = "attribute_not_exists(tested_at_ms) OR tested_at_ms = :seen"


@dataclass(frozen=True, slots=True)
class StoredTargets:
    """The targets of a tenant by id, and the version of their item; 0: there is no item."""

    version: int
    targets: dict[str, Notification]


def read_targets(table: Table, tenant_id: str) -> StoredTargets:
    """Read the targets of a tenant, consistently."""
    item = table.get(key(keys.notifications_key(tenant_id)))
    if item is None:
        return StoredTargets(0, {})
    targets = {name: _read_target(name, value["M"]) for name, value in item["targets"]["M"].items()}
    return StoredTargets(read_number(item["version"]), targets)


def put_of_targets(
    table: Table, tenant_id: str, seen: StoredTargets, targets: Iterable[Notification]
) -> dict[str, Any]:
    """Build the write, for a transaction, of all targets, if they are as they were seen."""
    stored = {target.notification_id: {"M": _attributes(target)} for target in targets}
    put: dict[str, Any] = {
        "TableName": table.name,
        "Item": {
            **key(keys.notifications_key(tenant_id)),
            "version": number(seen.version + 1),
            "targets": {"M": stored},
        },
    }
    if not seen.version:
        return {"Put": {**put, "ConditionExpression": keys.IS_NEW}}
    values: Item = {":seen": number(seen.version)}
    return {
        "Put": {
            **put,
            "ConditionExpression": IS_UNCHANGED,
            "ExpressionAttributeValues": values,
        }
    }


def read_states(
    table: Table, tenant_id: str, notification_ids: Collection[str]
) -> dict[str, DeliveryState]:
    """Read the states of targets; one that nothing was sent to has none."""
    wanted = [_state_key(tenant_id, notification_id) for notification_id in notification_ids]
    return {
        keys.read_key(item)[1]: read_state(item) for item in table.get_many(wanted, consistent=True)
    }


def take_turn(
    table: Table, tenant_id: str, notification_id: str, *, now_ms: int, next_at_ms: int
) -> DeliveryState:
    """Take the turn to send to a target; the next one is at `next_at_ms`: one write unit.

    Raises ConditionFailed, with the state, if its time has not come.
    """
    item = table.update(
        _state_key(tenant_id, notification_id),
        UpdateExpression=TAKE_TURN,
        ConditionExpression=MAY_SEND,
        ExpressionAttributeValues={":now": number(now_ms), ":next": number(next_at_ms)},
    )
    return read_state(item)


def take_slot(table: Table, tenant_id: str, notification_id: str, *, slot_at_ms: int) -> None:
    """Note that a batch waits for its turn until `slot_at_ms`: one write unit.

    Two batches that do so at the same moment may get the same turn: one of them waits again.
    """
    table.update(
        _state_key(tenant_id, notification_id),
        UpdateExpression=TAKE_SLOT,
        ExpressionAttributeValues={":slot": number(slot_at_ms)},
    )


def note_delivered(table: Table, tenant_id: str, notification_id: str, *, now_ms: int) -> None:
    """Note that a message has arrived: one write unit."""
    table.update(
        _state_key(tenant_id, notification_id),
        UpdateExpression=DELIVERED,
        ExpressionAttributeValues={":now": number(now_ms), ":none": number(0)},
    )


def note_failed(
    table: Table, tenant_id: str, notification_id: str, *, reason: str, now_ms: int, next_at_ms: int
) -> None:
    """Note why a message has not arrived, and when the next one may be tried: one write unit."""
    table.update(
        _state_key(tenant_id, notification_id),
        UpdateExpression=FAILED,
        ExpressionAttributeValues={
            ":now": number(now_ms),
            ":next": number(next_at_ms),
            ":reason": text(reason),
            ":none": number(0),
            ":one": number(1),
        },
    )


def update_of_test(
    table: Table, tenant_id: str, notification_id: str, *, seen_ms: int | None, now_ms: int
) -> dict[str, Any]:
    """Build the write, for a transaction, that notes when a target was tested.

    It fails if another test was noted since the last one was seen (None: there was none).
    """
    return {
        "Update": {
            "TableName": table.name,
            "Key": _state_key(tenant_id, notification_id),
            "UpdateExpression": TESTED,
            "ConditionExpression": NO_OTHER_TEST_SINCE,
            "ExpressionAttributeValues": {":now": number(now_ms), ":seen": number(seen_ms or 0)},
        }
    }


def deletion_of_state(table: Table, tenant_id: str, notification_id: str) -> dict[str, Any]:
    """Build the write, for a transaction, that deletes the state of a target."""
    return {"Delete": {"TableName": table.name, "Key": _state_key(tenant_id, notification_id)}}


def read_state(item: Item) -> DeliveryState:
    """Read the state of a target from its item."""
    return DeliveryState(
        next_at_ms=read_optional_number(item, "next_at_ms") or 0,
        slot_at_ms=read_optional_number(item, "slot_at_ms") or 0,
        failures=read_optional_number(item, "failures") or 0,
        delivered_at_ms=read_optional_number(item, "delivered_at_ms"),
        failed_at_ms=read_optional_number(item, "failed_at_ms"),
        reason=read_text(item, "reason"),
        tested_at_ms=read_optional_number(item, "tested_at_ms"),
    )


def _state_key(tenant_id: str, notification_id: str) -> Item:
    return key(keys.delivery_state_key(tenant_id, notification_id))


def _attributes(target: Notification) -> Item:
    older: list[Value] = [
        {"M": {"secret": text(old.secret), "ends_at_ms": number(old.ends_at_ms)}}
        for old in target.older_secrets
    ]
    return {
        "layout": text(target.format),
        "url": text(target.url),
        "event_types": {"L": [text(event_type) for event_type in target.event_types]},
        "created_at_ms": number(target.created_at_ms),
        "updated_at_ms": number(target.updated_at_ms),
        "revision": number(target.revision),
        "older_secrets": {"L": older},
        **optional_text(subject_prefix=target.subject_prefix, secret=target.secret),
    }


def _read_target(notification_id: str, stored: Item) -> Notification:
    return Notification(
        notification_id=notification_id,
        format=cast("Any", stored["layout"]["S"]),
        url=stored["url"]["S"],
        event_types=tuple(value["S"] for value in stored["event_types"]["L"]),
        subject_prefix=read_text(stored, "subject_prefix"),
        secret=read_text(stored, "secret"),
        created_at_ms=read_number(stored["created_at_ms"]),
        updated_at_ms=read_number(stored["updated_at_ms"]),
        revision=read_number(stored["revision"]),
        older_secrets=tuple(
            OlderSecret(old["M"]["secret"]["S"], read_number(old["M"]["ends_at_ms"]))
            for old in stored["older_secrets"]["L"]
        ),
    )
