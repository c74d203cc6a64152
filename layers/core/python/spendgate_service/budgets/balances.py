"""Read every current balance of a tenant, for metrics: also each subject's of a default.

The subjects of a default come from the index of counters, which follows the table within moments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from spendgate_service.budgets.read import list_budgets, with_unchanged_policies
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, Claim
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.periods import (
    DurationPeriod,
    period_in_force,
    period_of,
    rule_of,
)
from spendgate_service.store.claims import CounterClaim, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import Row, counters_between
from spendgate_service.store.paging import PAGE_SIZE_MAX, PageRequest
from spendgate_service.store.policies import Located, find_budget

BALANCES_MAX = 2000
"""How many balances one request reads: about two of the function's fifteen seconds."""


@dataclass(frozen=True, slots=True)
class CurrentBalances:
    """Balances in the order of the budgets' creation; `complete` unless there are more."""

    balances: tuple[Balance, ...]
    complete: bool


def current_balances(
    table: Table, tenant_id: str, *, now_ms: int, most: int = BALANCES_MAX
) -> CurrentBalances:
    """Read the balances of the current periods; a subject that has not spent in one has none.

    Three rounds of reads for 100 budgets; for a default one query, and a batch for 100 subjects.
    """
    found = list(islice(_balances(table, tenant_id, now_ms=now_ms), most + 1))
    return CurrentBalances(tuple(found[:most]), complete=len(found) <= most)


def _balances(table: Table, tenant_id: str, *, now_ms: int) -> Iterator[Balance]:
    cursor: str | None = None
    while True:
        asked = PageRequest(limit=PAGE_SIZE_MAX, cursor=cursor)
        page = list_budgets(table, tenant_id, asked, now_ms=now_ms)
        for stored in page.data:
            if stored.balance is not None:
                yield stored.balance
            else:
                yield from _balances_of_default(table, tenant_id, stored.budget, now_ms=now_ms)
        cursor = page.next_cursor
        if cursor is None:
            return


def _balances_of_default(
    table: Table, tenant_id: str, budget: Budget, *, now_ms: int
) -> Iterator[Balance]:
    rows = current_counters(table, tenant_id, budget, now_ms=now_ms)
    while batch := list(islice(rows, PAGE_SIZE_MAX)):
        try:
            found = _read_batch(table, tenant_id, budget.budget_id, batch, now_ms=now_ms)
        except NotFound:  # it was deleted after it was listed
            return
        yield from found


def _read_batch(
    table: Table, tenant_id: str, budget_id: str, batch: list[Row], *, now_ms: int
) -> list[Balance]:
    def read() -> list[Balance]:
        located = find_budget(table, tenant_id, budget_id)
        claims = [claim_of_nothing(tenant_id, located, row) for row in batch]
        return read_balances(table, claims, now_ms=now_ms)

    return with_unchanged_policies(read)


def claim_of_nothing(tenant_id: str, located: Located, row: Row) -> CounterClaim:
    """Return a claim of nothing on a counter that the index lists, to read its balance."""
    (policy, budget), (period_key, subject) = located, row
    claim = Claim(budget, subject, amount=0, policy_version=policy.version)
    return CounterClaim(tenant_id, claim, period_of(period_key))


def current_counters(
    table: Table, tenant_id: str, budget: Budget, *, after: Row | None = None, now_ms: int
) -> Iterator[Row]:
    """Yield the counters of a default's current periods; those of a duration start at any time."""
    rule = budget.period
    if isinstance(rule, DurationPeriod):
        now = now_ms // 1000
        first, last = (_second(moment) for moment in (now - rule.seconds + 1, now + 1))
    else:
        first = last = period_in_force(rule, now_ms=now_ms).key
    rows = counters_between(table, tenant_id, budget.budget_id, first, last, after=after)
    for period_key, subject in rows:
        if not isinstance(rule, DurationPeriod) or rule_of(period_key) == rule:
            yield period_key, subject


def _second(moment: int) -> str:
    """Return how the keys begin of the periods that start at a moment."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
