"""What the items of the table say, for the invariants: the one module here that decodes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, Policy
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import Period, period_of
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.statements import Statement
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys
from spendgate_service.store.counters import read_counter
from spendgate_service.store.ledger import read_ledger
from spendgate_service.store.policies import read_policy
from spendgate_service.store.reservations import read_reservation
from spendgate_service.store.statements import read_statement
from tests.support.exact_indexes import Key


@dataclass(frozen=True, slots=True)
class CounterOf:
    """Whose counter it is."""

    budget_id: str
    subject: Subject
    period: Period


@lru_cache(maxsize=4096)
def counter_of(key: Key) -> CounterOf:
    _, budget_id, subject = keys.read_counter_partition(key[0])
    return CounterOf(budget_id, subject, period_of(key[1].removeprefix(keys.PERIOD_PREFIX)))


def subject_of_policy(key: Key) -> Subject:
    return parse_subject(keys.parts_of(key[0])[3])


def entries_of(key: Key, item: Mapping[str, Any]) -> Iterator[tuple[Key, LedgerEntry]]:
    """Each entry of a ledger's item, with the counter that it belongs to."""
    for entry in read_ledger(dict(item)):
        yield (key[0], keys.PERIOD_PREFIX + entry.period_key), entry


def lines_of(key: Key, reservation: Reservation) -> Iterator[tuple[Key, Amount, Amount]]:
    """Each line's counter, what it holds, and what it has spent."""
    tenant_id = keys.tenant_of(key[0])
    for line in reservation.lines:
        counter = keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
        yield counter, reservation.held_on(line), reservation.spent_on(line)


def decoded(key: Key, item: Mapping[str, Any]) -> object:
    """A counter, a reservation, a statement or a policy; None for anything else."""
    sort_key, stored = key[1], dict(item)
    if sort_key.startswith(keys.PERIOD_PREFIX):
        return read_counter(stored)
    if sort_key == keys.RESERVATION_SORT_KEY:
        return read_reservation(keys.reservation_in(key[0]), stored)
    if sort_key.startswith(keys.STATEMENT_PREFIX):
        return read_statement(stored)
    if sort_key == "POLICY":
        return read_policy(subject_of_policy(key), stored)
    return None


def is_ledger(key: Key) -> bool:
    return key[1].startswith(keys.LEDGER_PREFIX)


def counter_of_statement(key: Key, statement: Statement) -> Key:
    return key[0], keys.PERIOD_PREFIX + statement.period.key


def limit_since_ms(budget: Budget) -> int:
    """When its limit came into force, by the clock of its author."""
    return budget.created_at_ms if budget.limit_since_ms is None else budget.limit_since_ms


__all__ = ["Counter", "Policy", "Reservation", "Statement"]
