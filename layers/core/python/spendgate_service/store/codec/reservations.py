"""Reservations as items.

Kept small, since a write costs a unit per KB: a line is one text that names its subject by type
alone (a reservation has one subject of each), and the bucket, which all lines share, stands once.
"""

import json
from itertools import batched
from typing import Any, cast

from spendgate_service.domain.amounts import amount_text, parse_amount
from spendgate_service.domain.rates import Conversion
from spendgate_service.domain.reservations import LATE_SETTLEMENT_SECONDS, Line, Reservation
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store.errors import Item
from spendgate_service.store.values import (
    Value,
    amounts,
    number,
    read_amounts,
    read_number,
    read_text,
    text,
)


def held_attributes(reservation: Reservation) -> Item:
    """The item of a reservation that was just granted, without its key.

    While it is held, TTL removes it a day after its expiry: until then a late settlement finds it.
    """
    assert reservation.state == "held"
    item: Item = {
        "stage": text("held"),
        "subjects": {"L": [text(str(subject)) for subject in reservation.subjects]},
        "amounts": amounts(reservation.amounts),
        "lines": {"L": [_line_value(line) for line in reservation.lines]},
        "held_until": number(reservation.bucket),
        "created_at_ms": number(reservation.created_at_ms),
        "expires_at_ms": number(reservation.expires_at_ms),
        "expires_ttl": number(reservation.bucket + LATE_SETTLEMENT_SECONDS),
        "fingerprint": text(reservation.fingerprint),
    }
    if reservation.metadata:
        item["metadata"] = text(json.dumps(dict(reservation.metadata), ensure_ascii=False))
    return item


def read_reservation(reservation_id: str, item: Item) -> Reservation:
    """A reservation out of its item."""
    subjects = tuple(parse_subject(value["S"]) for value in item["subjects"]["L"])
    by_type = {subject.type: subject for subject in subjects}
    return Reservation(
        reservation_id=reservation_id,
        subjects=subjects,
        amounts=read_amounts(item["amounts"]),
        lines=tuple(_read_line(by_type, value) for value in item["lines"]["L"]),
        bucket=read_number(item["held_until"]),
        created_at_ms=read_number(item["created_at_ms"]),
        expires_at_ms=read_number(item["expires_at_ms"]),
        fingerprint=item["fingerprint"]["S"],
        state=cast("Any", item["stage"]["S"]),
        actual=read_amounts(item["actual"]) if "actual" in item else None,
        finalized_at_ms=read_number(item["finalized_at_ms"]) if "finalized_at_ms" in item else None,
        settled_by=read_text(item, "settled_by") or None,
        metadata=json.loads(item["metadata"]["S"]) if "metadata" in item else {},
    )


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
        amount=parse_amount(amount),
        conversions=tuple(
            Conversion(unit, parse_amount(rate)) for unit, rate in batched(rates, 2, strict=True)
        ),
    )
