"""Reservations: one item each, with its lines, and the writes by which its state changes.

Kept small, since a write costs a unit per KB: a line is one text that names its subject by type
alone (a reservation has one subject of each), and the bucket, which all lines share, stands once.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, cast

from spendgate_service.domain.amounts import amount_text, parse_amount
from spendgate_service.domain.clocks import CLOCKS_DIFFER_SECONDS_MAX
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.rates import Conversion
from spendgate_service.domain.reservations import LATE_SETTLEMENT_SECONDS, Line, Reservation
from spendgate_service.domain.settlements import FINALIZED_RETENTION_SECONDS
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed
from spendgate_service.store.values import Item, Value, number, text

OPEN_HOLDS_INDEX = "open_holds"
TAKEN_UNTIL = "holds_of = :holds_of AND created_at_ms <= :until_ms"

LONG_HOLD_SECONDS = 600
"""A hold that lasts longer is listed; a shorter one ends by itself before a person looks."""

_HOLDS_AT_A_TIME = 100

# The reservation leaves the state `held` once, with the bucket and the totals that were read.
IS_HELD_AS_SEEN = "stage = :held AND held_until = :held_until AND attribute_not_exists(revision)"
IS_LEASED_AS_SEEN = "stage = :held AND held_until = :held_until AND revision = :seen_revision"
FINALIZE = (
    "REMOVE holds_of, due_shard, ends_at SET stage = :stage, actual = :actual, "
    "finalized_at_ms = :now_ms, settled_by = :settled_by, expires_ttl = :expires_ttl"
)
FINALIZE_OVERRUN = f"{FINALIZE}, overran = :overran"
CAPTURE = (
    "SET captured = :captured, returned = :returned, revision = :revision, holds_of = :holds_of"
)
CAPTURE_LATE = f"{CAPTURE}, captured_late = :captured_late"
CHARGE = "REMOVE due_shard, ends_at SET charged = :charged, revision = :revision"
NEW_DUE = "ends_at = :ends_at"
NEW_LINES = "#lines = :lines"
EXTEND = (
    "SET held_until = :new_held_until, expires_at_ms = :expires_at_ms, expires_ttl = :expires_ttl, "
    "holds_of = :holds_of"
)
GROW = f"{EXTEND}, amounts = :amounts, {NEW_LINES}, revision = :revision, grown_by = :grown_by"


def find_reservation_item(table: Table, tenant_id: str, reservation_id: str) -> Item | None:
    """Read a reservation's item consistently. One read unit."""
    return table.get(values.key(keys.reservation_key(tenant_id, reservation_id)))


def found_reservation(reservation_id: str, item: Item | None) -> Reservation:
    """Read a reservation that was looked for. Raises NotFound."""
    if item is None:
        raise NotFound("reservation", reservation_id)
    return read_reservation(reservation_id, item)


def held_attributes(reservation: Reservation) -> Item:
    """Make the item of a reservation that was just granted, without its key.

    While it is held, TTL removes it a day after its expiry: until then a late settlement finds it.
    """
    assert reservation.state == "held"
    item: Item = {
        "stage": text("held"),
        "subjects": {"L": [text(str(subject)) for subject in reservation.subjects]},
        "amounts": values.amounts(reservation.amounts),
        "lines": _lines_value(reservation.lines),
        "held_until": number(reservation.bucket),
        "created_at_ms": number(reservation.created_at_ms),
        "expires_at_ms": number(reservation.expires_at_ms),
        "expires_ttl": number(reservation.bucket + LATE_SETTLEMENT_SECONDS),
        "fingerprint": text(reservation.fingerprint),
    }
    if reservation.charges:
        item |= {
            "charges": {"BOOL": True},
            "due_shard": text(keys.charge_shard_of(reservation.reservation_id)),
            "ends_at": _due(reservation),
        }
    if reservation.metadata:
        item["metadata"] = text(json.dumps(dict(reservation.metadata), ensure_ascii=False))
    return item


def _due(reservation: Reservation) -> Value:
    """Make the moment at which it is charged: it has expired on every clock."""
    return number(reservation.expires_at_ms // 1000 + 1 + CLOCKS_DIFFER_SECONDS_MAX)


def open_hold_attributes(tenant_id: str, reservation: Reservation) -> Item:
    """Make the attribute that lists a long hold in the sparse index; none for a short one.

    Each listed hold costs a write unit more when it is taken or extended, and when it is closed.
    """
    lasts_ms = reservation.expires_at_ms - reservation.created_at_ms
    if lasts_ms <= LONG_HOLD_SECONDS * 1000:
        return {}
    return {"holds_of": text(keys.holds_of(tenant_id))}


def read_reservation(reservation_id: str, item: Item) -> Reservation:
    """Read a reservation from its item."""
    subjects = tuple(parse_subject(value["S"]) for value in item["subjects"]["L"])
    by_type = {subject.type: subject for subject in subjects}
    return Reservation(
        reservation_id=reservation_id,
        subjects=subjects,
        amounts=values.read_amounts(item["amounts"]),
        lines=tuple(_read_line(by_type, value) for value in item["lines"]["L"]),
        bucket=values.read_number(item["held_until"]),
        created_at_ms=values.read_number(item["created_at_ms"]),
        expires_at_ms=values.read_number(item["expires_at_ms"]),
        fingerprint=item["fingerprint"]["S"],
        state=cast("Any", item["stage"]["S"]),
        actual=values.read_amounts(item["actual"]) if "actual" in item else None,
        finalized_at_ms=values.read_optional_number(item, "finalized_at_ms"),
        settled_by=values.read_text(item, "settled_by") or None,
        metadata=json.loads(item["metadata"]["S"]) if "metadata" in item else {},
        captured=values.read_amounts(item["captured"]) if "captured" in item else {},
        returned=values.read_amounts(item["returned"]) if "returned" in item else {},
        revision=values.read_optional_number(item, "revision") or 0,
        on_expiry="charge" if "charges" in item else "release",
        charged="charged" in item,
        captured_late="captured_late" in item,
    )


def _lines_value(lines: Iterable[Line]) -> Value:
    return {"L": [_line_value(line) for line in lines]}


def _line_value(line: Line) -> Value:
    """For example `agent bud_01jd3p usd 2026-11-22 0.05`: none of the five has a space in it.

    A line that was converted adds each unit that it may come from, and the rate.
    """
    fields = [
        line.subject.type,
        line.budget_id,
        line.unit,
        line.period_key,
        amount_text(line.amount),
    ]
    for conversion in line.conversions:
        fields += [conversion.unit, amount_text(conversion.rate)]
    assert not any(" " in field for field in fields)
    return text(" ".join(fields))


def _read_line(subjects: dict[str, Subject], value: Value) -> Line:
    subject_type, budget_id, unit, period_key, amount, *rates = value["S"].split(" ")
    return Line(
        budget_id=budget_id,
        subject=subjects[subject_type],
        unit=unit,
        period_key=period_key,
        amount=values.read_amount_text(amount),
        conversions=tuple(
            Conversion(unit, parse_amount(rate)) for unit, rate in batched(rates, 2, strict=True)
        ),
    )


def counter_of(tenant_id: str, line: Line) -> keys.Key:
    """Return the key of the counter that a line holds on."""
    return keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)


def capturing(
    table_name: str, tenant_id: str, before: Reservation, after: Reservation
) -> dict[str, Any]:
    """Make the write of the totals of captures if the reservation is held as it was read.

    A lease is listed among the open holds.
    """
    late: Item = {":captured_late": {"BOOL": True}} if after.captured_late else {}
    write = _update(
        table_name, tenant_id, before, CAPTURE_LATE if late else CAPTURE,
        {
            ":captured": values.amounts(after.captured),
            ":returned": values.amounts(after.returned),
            ":revision": number(after.revision),
            ":holds_of": text(keys.holds_of(tenant_id)),
            **late,
        },
    )  # fmt: skip
    return _with_lines(write, after) if after.lines != before.lines else write


def charging(
    table_name: str, tenant_id: str, before: Reservation, after: Reservation
) -> dict[str, Any]:
    """Make the write that charges a reservation if it is held as it was read."""
    return _update(
        table_name, tenant_id, before, CHARGE,
        {
            ":charged": {"BOOL": True},
            ":revision": number(after.revision),
        },
    )  # fmt: skip


def finalizing(
    table_name: str, tenant_id: str, after: Reservation, *, has_new_rates: bool, now_ms: int
) -> dict[str, Any]:
    """Make the write that settles or releases a reservation if it is still held as it was read.

    With `has_new_rates` it stores the lines, with the rates of units that were not held.
    """
    overran: Item = {":overran": {"BOOL": True}} if after.overrun else {}
    write = _update(
        table_name, tenant_id, after, FINALIZE_OVERRUN if overran else FINALIZE,
        {
            ":stage": text(after.state),
            ":actual": values.amounts(after.actual or {}),
            ":now_ms": number(now_ms),
            ":settled_by": text(after.settled_by or ""),
            ":expires_ttl": number(now_ms // 1000 + FINALIZED_RETENTION_SECONDS),
            **overran,
        },
    )  # fmt: skip
    return _with_lines(write, after) if has_new_rates else write


def _with_lines(write: dict[str, Any], after: Reservation) -> dict[str, Any]:
    """Store the lines as well, with the rates of units that were not held."""
    update = write["Update"]
    update["UpdateExpression"] += f", {NEW_LINES}"
    update["ExpressionAttributeNames"] = {"#lines": "lines"}
    update["ExpressionAttributeValues"][":lines"] = _lines_value(after.lines)
    return write


def extending(
    table_name: str, tenant_id: str, before: Reservation, after: Reservation
) -> dict[str, Any]:
    """Make the write that moves the expiry of a reservation if it is held as it was read."""
    change = _new_expiry(tenant_id, after)
    return _update(table_name, tenant_id, before, _with_due(EXTEND, after), change)


def _new_expiry(tenant_id: str, after: Reservation) -> Item:
    return {
        ":new_held_until": number(after.bucket),
        ":expires_at_ms": number(after.expires_at_ms),
        ":expires_ttl": number(after.bucket + LATE_SETTLEMENT_SECONDS),
        ":holds_of": text(keys.holds_of(tenant_id)),
        **({":ends_at": _due(after)} if after.charges else {}),
    }


def _with_due(expression: str, after: Reservation) -> str:
    """Move the moment of the charge with the expiry."""
    return f"{expression}, {NEW_DUE}" if after.charges else expression


def grow(
    table: Table, tenant_id: str, before: Reservation, after: Reservation, *, attempt_mark: str
) -> None:
    """Write a larger grant if the reservation is held as it was read. One write unit per KB.

    Repeated with the same mark it changes nothing. Raises ConditionFailed, Unavailable.
    """
    change = {
        **_new_expiry(tenant_id, after),
        ":amounts": values.amounts(after.amounts),
        ":lines": _lines_value(after.lines),
        ":revision": number(after.revision),
        ":grown_by": text(attempt_mark),
    }
    update = _update(table.name, tenant_id, before, _with_due(GROW, after), change)["Update"]
    try:
        table.update(
            update["Key"],
            UpdateExpression=update["UpdateExpression"],
            ConditionExpression=update["ConditionExpression"],
            ExpressionAttributeNames={"#lines": "lines"},
            ExpressionAttributeValues=update["ExpressionAttributeValues"],
        )
    except ConditionFailed as failed:
        if (failed.item or {}).get("grown_by") != change[":grown_by"]:
            raise


@dataclass(frozen=True, slots=True)
class OpenHoldRow:
    """A reservation as the index of open holds lists it."""

    created_at_ms: int
    reservation_id: str

    @property
    def position(self) -> str:
        """Where it stands in the list."""
        return f"{self.created_at_ms} {self.reservation_id}"


def open_holds(
    table: Table, tenant_id: str, *, until_ms: int, after: OpenHoldRow | None
) -> Iterator[list[OpenHoldRow]]:
    """Yield the rows of the index in pages, oldest first, up to a moment of creation."""
    if after is not None and after.created_at_ms > until_ms:
        return
    holds_of = text(keys.holds_of(tenant_id))
    start: dict[str, Item] = {}
    if after is not None:
        start["ExclusiveStartKey"] = {
            **values.key(keys.reservation_key(tenant_id, after.reservation_id)),
            "holds_of": holds_of,
            "created_at_ms": number(after.created_at_ms),
        }
    pages = table.query_pages(
        IndexName=OPEN_HOLDS_INDEX,
        KeyConditionExpression=TAKEN_UNTIL,
        ExpressionAttributeValues={":holds_of": holds_of, ":until_ms": number(until_ms)},
        Limit=_HOLDS_AT_A_TIME,
        **start,
    )
    for page in pages:
        if page:
            yield [
                OpenHoldRow(
                    values.read_number(item["created_at_ms"]),
                    keys.reservation_in(item["pk"]["S"]),
                )
                for item in page
            ]


def read_open_holds(table: Table, tenant_id: str, rows: Sequence[OpenHoldRow]) -> list[Reservation]:
    """Read the reservations of rows consistently, in their order; those that exist."""
    wanted = [values.key(keys.reservation_key(tenant_id, row.reservation_id)) for row in rows]
    found = {
        keys.reservation_in(item["pk"]["S"]): item
        for item in table.get_many(wanted, consistent=True)
    }
    return [
        read_reservation(row.reservation_id, found[row.reservation_id])
        for row in rows
        if row.reservation_id in found
    ]


def _update(
    table_name: str, tenant_id: str, reservation: Reservation, expression: str, change: Item
) -> dict[str, Any]:
    """Make a write that objects unless a reservation is held as it was read."""
    seen: Item = {":held": text("held"), ":held_until": number(reservation.bucket)}
    if reservation.revision:
        seen[":seen_revision"] = number(reservation.revision)
    return {
        "Update": {
            "TableName": table_name,
            "Key": values.key(keys.reservation_key(tenant_id, reservation.reservation_id)),
            "UpdateExpression": expression,
            "ConditionExpression": IS_LEASED_AS_SEEN if reservation.revision else IS_HELD_AS_SEEN,
            "ExpressionAttributeValues": {**seen, **change},
        }
    }
