"""Turn a record of the table's stream into an event, if the change is one.

The event filters of the template pass the records that are read here; any other record is no event.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import rule_of
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.statements import StoredStatement
from spendgate_service.events.bus import BusEntry
from spendgate_service.store import keys
from spendgate_service.store.outbox import event_id, read_outbox_event
from spendgate_service.store.reservations import read_reservation
from spendgate_service.store.statements import newest_statement
from spendgate_service.store.values import Item, read_number
from spendgate_service.wire.balances import balance_response
from spendgate_service.wire.changes import BudgetChangedDetail
from spendgate_service.wire.events import (
    PeriodClosedDetail,
    ReservationDetail,
    envelope,
    expired_detail,
)
from spendgate_service.wire.reservations import reservation_response
from spendgate_service.wire.statements import closed_statement
from spendgate_service.wire.values import json_text

SOURCE = "spendgate"

TTL_SERVICE = "dynamodb.amazonaws.com"
"""The principal in the stream that removes items whose TTL has expired."""

type Record = Mapping[str, Any]
"""A record of the table's stream, as Lambda gets it."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a budget or a reservation.

    An event has the same id each time it is published.
    """

    event_id: str
    event_type: str
    tenant_id: str
    occurred_at_ms: int
    says: Mapping[str, object]

    @property
    def detail(self) -> str:
        """The whole event as JSON: the `detail` of an EventBridge event."""
        shared = envelope(
            event_id=self.event_id,
            event_type=self.event_type,
            tenant_id=self.tenant_id,
            occurred_at_ms=self.occurred_at_ms,
        )
        return json_text({**shared, **self.says})

    @property
    def entry(self) -> BusEntry:
        """The event as an entry for the bus."""
        return BusEntry(SOURCE, self.event_type, self.detail, self.occurred_at_ms)


def event_of(record: Record) -> Event | None:
    """Return the event of a change; None if there is none.

    Raises one of `store.values.UNREADABLE` for an item that the service never writes.
    """
    change = record["dynamodb"]
    _, sort_key = keys.read_key(change["Keys"])
    match record["eventName"]:
        case "INSERT" if sort_key.startswith(keys.EVENT_PREFIX):
            return _from_outbox(change["NewImage"])
        case "INSERT" if sort_key.startswith(keys.CHANGE_PREFIX):
            return _budget_changed(change["NewImage"])
        case "INSERT" if sort_key.startswith(keys.STATEMENT_PREFIX):
            return _period_closed(change["NewImage"])
        case "MODIFY" if sort_key == keys.RESERVATION_SORT_KEY and _has_overrun(change):
            return _overrun(change["NewImage"])
        case "REMOVE" if sort_key == keys.RESERVATION_SORT_KEY and _has_expired(record):
            return _expired(change["OldImage"])
    return None


def _from_outbox(item: Item) -> Event:
    stored = read_outbox_event(item)
    return Event(
        event_id=event_id(stored.key),
        event_type=stored.event_type,
        tenant_id=keys.tenant_of(stored.key[0]),
        occurred_at_ms=stored.occurred_at_ms,
        says=json.loads(stored.detail),
    )


def _budget_changed(item: Item) -> Event | None:
    """Build the event of an entry of the change log, if it is about a budget."""
    if "subject" not in item:
        return None
    key = keys.read_key(item)
    detail: BudgetChangedDetail = {
        "budget_id": item["about"]["S"],
        "subject": item["subject"]["S"],
        "change": json.loads(item["entry"]["S"]),
    }
    return Event(
        event_id=event_id(key),
        event_type="budget.changed",
        tenant_id=keys.tenant_of(key[0]),
        occurred_at_ms=read_number(item["at_ms"]),
        says=detail,
    )


def _period_closed(item: Item) -> Event:
    """Build the event of a statement, without `is_current`, which may change before delivery."""
    stored = newest_statement(item)
    key = keys.read_key(item)
    closed: PeriodClosedDetail = {
        "budget_id": stored.budget_id,
        "subject": str(stored.subject),
        "balance": balance_response(_balance_at_closing(stored)),
        "statement": closed_statement(stored),
    }
    return Event(
        event_id=event_id(key),
        event_type="budget.period_closed",
        tenant_id=keys.tenant_of(key[0]),
        occurred_at_ms=stored.statement.closed_at_ms,
        says=closed,
    )


def _balance_at_closing(stored: StoredStatement) -> Balance:
    """Build the balance of a statement, which has no budget name and no soft limit."""
    statement = stored.statement
    period, closed_at_ms = statement.period, statement.closed_at_ms
    assert period.starts_at is not None
    budget = Budget(
        stored.budget_id, stored.subject, stored.unit or "", statement.limit,
        rule_of(period.key), period.starts_at * 1000, closed_at_ms,
    )  # fmt: skip
    counter = Counter(
        limit=statement.limit,
        spent=statement.spent,
        available=statement.unused - statement.carried_out,
        version=0,
        holds={closed_at_ms // 1000 + 1: statement.held} if statement.held else {},
        carried_in=statement.carried_in,
        carried_out=statement.carried_out,
    )
    return Balance(budget, stored.subject, period, counter, closed_at_ms)


def _has_overrun(change: Mapping[str, Any]) -> bool:
    return "overran" in change["NewImage"] and "overran" not in change["OldImage"]


def _overrun(item: Item) -> Event:
    reservation, at_ms = _reservation(item), read_number(item["finalized_at_ms"])
    detail: ReservationDetail = {"reservation": reservation_response(reservation, now_ms=at_ms)}
    return _about_reservation("reservation.overrun", item, at_ms, detail)


def _has_expired(record: Record) -> bool:
    """Whether TTL removed a reservation that was still held: not settled, released or deleted."""
    removed_by = record.get("userIdentity") or {}
    is_ttl = (removed_by.get("type"), removed_by.get("principalId")) == ("Service", TTL_SERVICE)
    return is_ttl and record["dynamodb"]["OldImage"]["stage"]["S"] == "held"


def _expired(item: Item) -> Event:
    at_ms = read_number(item["expires_at_ms"])
    detail = expired_detail(_reservation(item), now_ms=at_ms)
    return _about_reservation("reservation.expired", item, at_ms, detail)


def _reservation(item: Item) -> Reservation:
    return read_reservation(keys.reservation_in(item["pk"]["S"]), item)


def _about_reservation(
    event_type: Literal["reservation.overrun", "reservation.expired"],
    item: Item,
    occurred_at_ms: int,
    detail: ReservationDetail,
) -> Event:
    key, created_at_ms = keys.read_key(item), read_number(item["created_at_ms"])
    return Event(
        event_id=event_id(key, f"{event_type} {created_at_ms}"),
        event_type=event_type,
        tenant_id=keys.tenant_of(key[0]),
        occurred_at_ms=occurred_at_ms,
        says=detail,
    )
