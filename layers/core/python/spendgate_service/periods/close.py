"""Closing one period: the writes of one transaction, which say what the counter said.

The statement, the counter that leaves the index, and what is carried on stand or fall together, so
a run that is killed leaves either nothing or all of it, and of two runs one finds nothing to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, CarryOver, Claim
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.period_keys import period_of, rule_of
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    duration_period,
    period_in_force,
)
from spendgate_service.domain.statements import Statement, may_close, statement_of
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.carry_over import carried_in, entering, leaving
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.codec.counters import read_counter
from spendgate_service.store.errors import Item
from spendgate_service.store.policies import carry_over_value, read_carry_over
from spendgate_service.store.postings import writes_of_ledger
from spendgate_service.store.retention import RETENTION_SECONDS, expiry_of
from spendgate_service.store.statements import read_statement, statement_item

CLOSING_WRITES_MAX = 4
"""The counter, the statement, the counter of the next period, and the ledger."""

_LOOKED_AT_ONCE = 5

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
    knowledge: BudgetInfo

    @property
    def key(self) -> keys.Key:
        """Where the counter is."""
        return self.item["pk"]["S"], self.item["sk"]["S"]

    @property
    def counter(self) -> Counter:
        """Its balances."""
        return read_counter(self.item)

    @property
    def period(self) -> Period:
        """Its period, which has an end."""
        return period_of(self.key[1].removeprefix(keys.PERIOD_PREFIX))

    @property
    def statements(self) -> int:
        """How many statements it has."""
        number = self.item.get("statement_revision")
        return values.read_number(number) if number else 0

    @property
    def carries_on(self) -> bool:
        """Whether there is a next period: the budget is there, and in the same kind of period."""
        budget = self.knowledge.budget
        return budget is not None and budget.period == rule_of(self.period.key)

    @property
    def terms(self) -> CarryOver | None:
        """On which terms it carries over: those of its first statement, once it has one."""
        if self.statements:
            return read_carry_over(self.item["terms"])
        budget = self.knowledge.budget
        return budget.carry_over if budget and self.carries_on and not budget.disabled else None

    @property
    def is_stale(self) -> bool:
        """Whether its limit was changed before its end, and it was not used since."""
        budget = self.knowledge.budget
        return (
            budget is not None
            and self.carries_on
            and self.counter.version < self.knowledge.policy_version
            and self.counter.limit != budget.limit_in(self.period)
        )

    def target(self, period: Period) -> CounterClaim:
        """The counter of the same budget and subject in a period."""
        tenant_id, _, subject = keys.read_counter_partition(self.key[0])
        budget, version = self.knowledge.budget, self.knowledge.policy_version
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
    """How to close a period; no writes while there is nothing to say, or nothing new.

    A period with holds gets one statement that is not final, and the final one when they are gone.
    One read more where a period was closed before, and to find the next window of a duration.
    """
    period = due.period
    assert period.ends_at is not None
    if "due_shard" not in due.item:
        return Closing()
    if not may_close(ends_at=period.ends_at, now_ms=now_ms):
        return Closing(waits=True)
    counter, terms = due.counter, due.terms
    statement = statement_of(
        counter, period, terms=terms, revision=due.statements + 1, now_ms=now_ms
    )
    if due.statements and not statement.is_final:
        return Closing(waits=True)
    if not due.carries_on:
        statement = replace(statement, carried_out=counter.carried_out)
    carried = statement.carried_out - counter.carried_out
    opens = terms is not None and terms.unused and not due.statements and due.carries_on
    carrying = _carrying(table, due, carried, now_ms=now_ms) if carried or opens else Closing()
    if carrying is None:
        statement, carried = replace(statement, carried_out=counter.carried_out), 0
        carrying = Closing()
    if due.statements and _said_before(table, due, statement):
        return Closing([_counter_write(table, due, expressions.IS_NO_LONGER_DUE, {})])
    closed = _close(table, due, statement, carried)
    return replace(
        carrying, writes=[closed, _statement_write(table, due, statement), *carrying.writes]
    )


def _close(table: Table, due: DueCounter, statement: Statement, carried: Amount) -> Write:
    """The counter leaves the index, or waits in it for its holds."""
    attribute_values = {
        ":revision": values.number(statement.revision),
        ":terms": carry_over_value(due.terms),
        ":carried": values.amount(carried),
        ":zero": values.number(0),
    }
    if statement.is_final:
        return _counter_write(table, due, expressions.CLOSE, attribute_values)
    attribute_values[":waiting_shard"] = values.text(keys.waiting_shard_of(due.key))
    return _counter_write(table, due, expressions.CLOSE_FOR_NOW, attribute_values)


def _counter_write(
    table: Table, due: DueCounter, expression: str, attribute_values: Mapping[str, Any]
) -> Write:
    condition = expressions.IS_DUE_AS_SEEN_AND_NOTHING_CAME_IN
    seen = {
        ":spent": due.item["spent"],
        ":available": due.item["available"],
        ":limit": due.item["limit_amount"],
    }
    if "carried_in" in due.item:
        condition = expressions.IS_DUE_AS_SEEN
        seen[":carried_in"] = due.item["carried_in"]
    return {
        "Update": {
            "TableName": table.name,
            "Key": values.key(due.key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {**seen, **attribute_values},
        }
    }


def _statement_write(table: Table, due: DueCounter, statement: Statement) -> Write:
    item = statement_item(due.key[0], due.knowledge.unit, statement)
    return {
        "Put": {
            "TableName": table.name,
            "Item": {**item, **expiry_of([statement.period.key])},
            "ConditionExpression": expressions.IS_NEW,
        }
    }


def _said_before(table: Table, due: DueCounter, statement: Statement) -> bool:
    sort_key = keys.statement_sort_key(due.period, due.statements)
    last = table.get(values.key((due.key[0], sort_key)))
    return last is not None and read_statement(last).says_the_same_as(statement)


def _carrying(table: Table, due: DueCounter, amount: Amount, *, now_ms: int) -> Closing | None:
    """The writes that bring an amount to the next period; None where it has nowhere to go.

    Where unused amounts go on, the next period of a calendar has a counter even if nothing comes:
    nobody may use it, and then its whole limit goes on.
    """
    left = due.target(due.period)
    rule = left.claim.budget.period
    if not isinstance(rule, DurationPeriod):
        assert due.period.ends_at is not None
        next_period = period_in_force(rule, now_ms=due.period.ends_at * 1000)
        return _into(table, left, due.target(next_period), amount, now_ms=now_ms)
    key = keys.window_key(
        left.tenant_id, left.claim.budget.budget_id, left.claim.subject, rule.seconds
    )
    if not amount:
        return Closing()
    next_window = _next_counter(table, due, rule)
    if next_window is None:
        pointer = table.get(values.key(key))
        if pointer is None:
            return None
        started_at = values.read_number(pointer["starts_at"])
        if started_at == due.period.starts_at:
            puts, _ = writes_of_ledger(
                table.name, [leaving(left, amount, entered=None, now_ms=now_ms)], now_ms=now_ms
            )
            return Closing([_let_wait(table, key, pointer, amount, now_ms=now_ms), *puts])
        next_window = duration_period(rule, starts_at=started_at)
    return _into(table, left, due.target(next_window), amount, now_ms=now_ms)


def _into(
    table: Table, left: CounterClaim, entered: CounterClaim, amount: Amount, *, now_ms: int
) -> Closing:
    if not amount:
        return Closing([carried_in(table.name, entered, amount)], entered.address)
    postings = [
        leaving(left, amount, entered=entered.period, now_ms=now_ms),
        entering(entered, amount, left=left.period, now_ms=now_ms),
    ]
    puts, _ = writes_of_ledger(table.name, postings, now_ms=now_ms)
    return Closing([carried_in(table.name, entered, amount), *puts], entered.address)


def _let_wait(table: Table, key: keys.Key, pointer: Item, amount: Amount, *, now_ms: int) -> Write:
    return {
        "Update": {
            "TableName": table.name,
            "Key": values.key(key),
            "UpdateExpression": expressions.LET_WAIT,
            "ConditionExpression": expressions.WINDOW_IS_AS_SEEN,
            "ExpressionAttributeValues": {
                ":change": values.amount(amount),
                ":zero": values.number(0),
                ":ends_at": pointer["ends_at"],
                ":expires_ttl": values.number(now_ms // 1000 + RETENTION_SECONDS),
            },
        }
    }


def _next_counter(table: Table, due: DueCounter, rule: DurationPeriod) -> Period | None:
    """The first window after this one that somebody has used; windows sort by their start."""
    assert due.period.ends_at is not None
    first = duration_period(rule, starts_at=due.period.ends_at).key.partition("/")[0]
    later = table.query_items(
        KeyConditionExpression=expressions.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(due.key[0]),
            ":first": values.text(f"{keys.PERIOD_PREFIX}{first}"),
            ":last": values.text(f"{keys.PERIOD_PREFIX}:"),
        },
        ProjectionExpression="sk",
        ConsistentRead=True,
        Limit=_LOOKED_AT_ONCE,
    )
    period_keys = (item["sk"]["S"].removeprefix(keys.PERIOD_PREFIX) for item in later)
    return next((period_of(key) for key in period_keys if rule_of(key) == rule), None)
