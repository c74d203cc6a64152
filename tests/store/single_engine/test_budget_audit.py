"""The audit of counters against their ledgers."""

from collections.abc import Callable

import pytest

from spendgate_service.audit.budget import audit_budget
from spendgate_service.budgets.create import create_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.audit import Audit
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import NoPeriod, PeriodRule
from spendgate_service.domain.requests import Record
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.settlements.apply import Settlements
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_id
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.policy_cache import PolicyCache

TENANT = "acme"
NOW_MS = 1_772_971_200_000  # 2026-03-08T12:00:00Z
HOUR_MS = 3_600_000
AGENT = Subject("agent", "a#1")

type Spend = Callable[..., None]


@pytest.fixture
def spend(memory_table: Table) -> Spend:
    """Record what an agent spent, as the queue consumer would."""
    clock = [NOW_MS]
    settlements = Settlements(memory_table, PolicyCache(memory_table), now_ms=lambda: clock[0])

    def record(amount: int, *, agent: str = AGENT.id, at_ms: int = NOW_MS) -> None:
        clock[0] = at_ms
        settlements.apply_one(
            Record(TENANT, (Subject("agent", agent),), {"usd": amount * ONE}, fingerprint="f")
        )

    return record


def a_budget(table: Table, subject: str, period: PeriodRule | None = None) -> Budget:
    budget = Budget(
        budget_id=new_id("bud_", now_ms=NOW_MS),
        subject=parse_subject(subject),
        unit="usd",
        limit=10 * ONE,
        period=period or NoPeriod(),
        created_at_ms=NOW_MS,
        updated_at_ms=NOW_MS,
    )
    create_budget(table, TENANT, budget, idempotency=None, now_ms=NOW_MS)
    return budget


def tamper(table: Table, budget: Budget, subject: Subject, period_key: str, amount: int) -> None:
    key = keys.counter_key(TENANT, budget.budget_id, subject, period_key)
    table.update(
        values.key(key),
        UpdateExpression="SET spent = spent + :amount",
        ExpressionAttributeValues={":amount": values.amount(amount * ONE)},
    )


def audit(table: Table, budget: Budget, cursor: str | None = None, limit: int = 20) -> Audit:
    return audit_budget(table, TENANT, budget, PageRequest(limit, cursor), now_ms=NOW_MS + HOUR_MS)


def test_a_counter_that_equals_its_ledger_shows_no_difference(
    memory_table: Table, spend: Spend
) -> None:
    budget = a_budget(memory_table, str(AGENT))
    spend(3)
    spend(4)

    assert audit(memory_table, budget) == Audit(counters=1, entries=2, differences=())


def test_a_counter_that_somebody_changed_shows_what_was_expected_and_found(
    memory_table: Table, spend: Spend
) -> None:
    budget = a_budget(memory_table, str(AGENT))
    spend(3)
    tamper(memory_table, budget, AGENT, "balance", 1)

    found = {
        difference.balance: difference for difference in audit(memory_table, budget).differences
    }

    assert (found["spent"].expected, found["spent"].found) == (3 * ONE, 4 * ONE)
    assert (found["entitlement"].expected, found["entitlement"].found) == (10 * ONE, 11 * ONE)
    assert found["spent"].subject == AGENT


def test_entries_whose_counter_is_gone_are_a_difference(memory_table: Table, spend: Spend) -> None:
    budget = a_budget(memory_table, str(AGENT))
    spend(3)
    memory_table.delete(values.key(keys.counter_key(TENANT, budget.budget_id, AGENT, "balance")))

    assert [difference.balance for difference in audit(memory_table, budget).differences] == [
        "spent"
    ]


def test_each_period_is_compared_with_its_own_entries(memory_table: Table, spend: Spend) -> None:
    budget = a_budget(memory_table, str(AGENT), CalendarPeriod("hour"))
    spend(3)
    spend(4, at_ms=NOW_MS + HOUR_MS)
    tamper(memory_table, budget, AGENT, "2026-03-08T13", 1)

    found = audit(memory_table, budget)

    assert found.counters == 2
    assert {difference.period_key for difference in found.differences} == {"2026-03-08T13"}


def test_the_audit_of_a_default_visits_every_subject_once(
    memory_table: Table, spend: Spend
) -> None:
    budget = a_budget(memory_table, "agent:*", CalendarPeriod("hour"))
    for agent in ("a", "b#%23", "c"):
        spend(1, agent=agent)
        spend(2, agent=agent, at_ms=NOW_MS + HOUR_MS)
    tamper(memory_table, budget, Subject("agent", "b#%23"), "2026-03-08T13", 1)

    seen, cursor = [audit(memory_table, budget, limit=2)], ""
    while seen[-1].next_cursor:
        cursor = seen[-1].next_cursor
        seen.append(audit(memory_table, budget, cursor, limit=2))

    assert len(seen) == 3
    assert sum(result.counters for result in seen) == 6
    assert sum(result.entries for result in seen) == 6
    assert {str(difference.subject) for page in seen for difference in page.differences} == {
        "agent:b#%23"
    }


def test_a_counter_that_moves_during_the_audit_is_no_difference(
    memory_table: Table, spend: Spend, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = a_budget(memory_table, str(AGENT))
    spend(3)
    query, calls = memory_table.query, [0]

    def query_while_others_spend(**arguments: object) -> dict[str, object]:
        answer = query(**arguments)
        calls[0] += 1
        if calls[0] <= 2:
            spend(1)
        return answer

    monkeypatch.setattr(memory_table, "query", query_while_others_spend)

    assert audit(memory_table, budget).differences == ()
