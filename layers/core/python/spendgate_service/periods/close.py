"""Close one period: the writes of one transaction, which say what the counter said.

The statement, the counter that leaves the index, and what is carried over stand or fall together,
so a run that is killed leaves either nothing or all of it, and of two runs one finds nothing to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, CarryOver, Claim
from spendgate_service.domain.counters import Counter, freshness
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    duration_period,
    period_in_force,
    period_of,
    rule_of,
)
from spendgate_service.domain.statements import Statement, may_close, statement_of
from spendgate_service.store import due_index, keys, values
from spendgate_service.store.carry_over import carry_between, carry_in, carry_out_to_next_window
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.counters import expiry_of, period_of_counter, read_counter
from spendgate_service.store.policies import carry_over_value, read_carry_over
from spendgate_service.store.statements import read_statement, statement_item
from spendgate_service.store.values import Item
from spendgate_service.store.windows import let_wait, window_key_of

CLOSING_WRITES_MAX = 4
"""The counter, the statement, the counter of the next period, and the ledger."""

_WINDOWS_PER_PAGE = 5

type Write = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BudgetInfo:
    """What is known of the budget behind a counter: the budget itself unless it was deleted."""

    budget: Budget | None
    policy_version: int
    unit: str | None


@dataclass(frozen=True, slots=True)
class DueCounter:
    """A counter that may be closed, as it was read, and what is known of its budget."""

    item: Item
    info: BudgetInfo

    @property
    def key(self) -> keys.Key:
        """The key of the counter."""
        return keys.read_key(self.item)

    @property
    def counter(self) -> Counter:
        """Its balances."""
        return read_counter(self.item)

    @property
    def period(self) -> Period:
        """Its period, which has an end."""
        return period_of_counter(self.key)

    @property
    def statements(self) -> int:
        """The number of its statements."""
        return values.read_optional_number(self.item, "statement_revision") or 0

    @property
    def continues(self) -> bool:
        """Whether there is a next period: the budget exists, with the same period rule."""
        budget = self.info.budget
        return budget is not None and budget.period == rule_of(self.period.key)

    @property
    def terms(self) -> CarryOver | None:
        """The terms on which it carries over: those of its first statement, once it has one."""
        if self.statements:
            return read_carry_over(self.item["terms"])
        budget = self.info.budget
        return budget.carry_over if budget and self.continues and not budget.disabled else None

    @property
    def is_stale(self) -> bool:
        """Whether its limit was changed before its end, and it has not caught up since."""
        budget = self.info.budget
        return (
            budget is not None
            and self.continues
            and freshness(self.counter, self.info.policy_version) == "stale"
            and self.counter.limit != budget.limit_in(self.period)
        )

    def claim_in(self, period: Period) -> CounterClaim:
        """Return the counter of the same budget and subject in a period."""
        tenant_id, _, subject = keys.read_counter_partition(self.key[0])
        budget, version = self.info.budget, self.info.policy_version
        assert budget is not None
        claim = Claim(budget, subject, amount=0, policy_version=version)
        return CounterClaim(tenant_id, claim, period)


@dataclass(frozen=True, slots=True)
class Closing:
    """The writes that close a period, and the counter into which something is carried, if any.

    It `waits` if there are none because it is too early, or something is held.
    """

    writes: Sequence[Write] = ()
    entered: keys.Key | None = None
    waits: bool = False


def closing_of(table: Table, due: DueCounter, *, now_ms: int) -> Closing:
    """Make the writes that close a period; none while there is nothing to state, or nothing new.

    A period with holds gets one statement that is not final, and the final one when they are gone.
    One read more where a period was closed before, and to find the next window of a duration.
    """
    period = due.period
    assert period.ends_at is not None
    if not due_index.is_listed(due.item):
        return Closing()
    if not may_close(ends_at=period.ends_at, now_ms=now_ms):
        return Closing(waits=True)
    counter, terms = due.counter, due.terms
    statement = statement_of(
        counter, period, terms=terms, revision=due.statements + 1, now_ms=now_ms
    )
    if due.statements and not statement.is_final:
        return Closing(waits=True)
    if not due.continues:
        statement = replace(statement, carried_out=counter.carried_out)
    carried = statement.carried_out - counter.carried_out
    opens = terms is not None and terms.unused and not due.statements and due.continues
    carry = _carry(table, due, carried, now_ms=now_ms) if carried or opens else Closing()
    if carry is None:
        statement, carried = replace(statement, carried_out=counter.carried_out), 0
        carry = Closing()
    if due.statements and _is_stated(table, due, statement):
        return Closing([due_index.unlisting(table.name, due.item)])
    closed = due_index.closing(
        table.name,
        due.item,
        revision=statement.revision,
        terms=carry_over_value(terms),
        carried=carried,
        is_final=statement.is_final,
    )
    return replace(carry, writes=[closed, _statement_write(table, due, statement), *carry.writes])


def _statement_write(table: Table, due: DueCounter, statement: Statement) -> Write:
    item = statement_item(due.key[0], due.info.unit, statement)
    return {
        "Put": {
            "TableName": table.name,
            "Item": {**item, **expiry_of([statement.period.key])},
            "ConditionExpression": keys.IS_NEW,
        }
    }


def _is_stated(table: Table, due: DueCounter, statement: Statement) -> bool:
    """Tell whether the last statement says the same."""
    sort_key = keys.statement_sort_key(due.period, due.statements)
    last = table.get(values.key((due.key[0], sort_key)))
    return last is not None and read_statement(last).says_the_same_as(statement)


def _carry(table: Table, due: DueCounter, amount: Amount, *, now_ms: int) -> Closing | None:
    """Make the writes that bring an amount to the next period; None where there is none.

    Where unused amounts are carried over, the next period of a calendar gets a counter even if the
    amount is 0: if it is not used, its whole limit is carried over in turn.
    """
    left = due.claim_in(due.period)
    rule = left.budget.period
    if not isinstance(rule, DurationPeriod):
        assert due.period.ends_at is not None
        next_period = period_in_force(rule, now_ms=due.period.ends_at * 1000)
        return _carry_into(table, left, due.claim_in(next_period), amount, now_ms=now_ms)
    if not amount:
        return Closing()
    next_window = _next_used_window(table, due, rule)
    if next_window is None:
        key = window_key_of(left.tenant_id, left.claim, rule)
        window = table.get(values.key(key))
        if window is None:
            return None
        started_at = values.read_number(window["starts_at"])
        if started_at == due.period.starts_at:
            waiting = let_wait(table.name, key, window, amount, now_ms=now_ms)
            puts = carry_out_to_next_window(table.name, left, amount, now_ms=now_ms)
            return Closing([waiting, *puts])
        next_window = duration_period(rule, starts_at=started_at)
    return _carry_into(table, left, due.claim_in(next_window), amount, now_ms=now_ms)


def _carry_into(
    table: Table, left: CounterClaim, entered: CounterClaim, amount: Amount, *, now_ms: int
) -> Closing:
    if not amount:
        return Closing([carry_in(table.name, entered, amount)], entered.address)
    return Closing(carry_between(table.name, left, entered, amount, now_ms=now_ms), entered.address)


def _next_used_window(table: Table, due: DueCounter, rule: DurationPeriod) -> Period | None:
    """Find the first window after this one that has a counter; windows sort by their start."""
    assert due.period.ends_at is not None
    first = duration_period(rule, starts_at=due.period.ends_at).key.partition("/")[0]
    later = table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(due.key[0]),
            ":first": values.text(f"{keys.PERIOD_PREFIX}{first}"),
            ":last": values.text(f"{keys.PERIOD_PREFIX}:"),
        },
        ProjectionExpression="sk",
        ConsistentRead=True,
        Limit=_WINDOWS_PER_PAGE,
    )
    period_keys = (keys.period_key_of(item["sk"]["S"]) for item in later)
    return next((period_of(key) for key in period_keys if rule_of(key) == rule), None)
