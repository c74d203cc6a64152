"""A year of random spending on forty budgets, with a rollover that runs at random and dies."""

import heapq
import json
import random
import time
from collections import Counter as Tally
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast

from spendgate_service.budgets.change import change_budget
from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE, Amount, parse_amount
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CALENDAR_UNITS, CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.requests import Record, Release, Settle
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.periods.run import close_due_periods
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from tests.support.world import TENANT, World, id_in

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
HOUR, DAY = 3600, 86_400
YEAR = 365 * DAY
TERMS = (
    CarryOver(unused=True, max=7 * ONE + 1, debt=True),
    CarryOver(unused=True),
    CarryOver(debt=True),
)
LENGTH_SECONDS = {
    "hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY,
    "quarter": 91 * DAY, "year": YEAR,
}  # fmt: skip


def forty_rules() -> list[tuple[PeriodRule, CarryOver | None]]:
    """All kinds of periods; calendars in every zone, most of them carrying over."""
    rules: list[tuple[PeriodRule, CarryOver | None]] = []
    for place, zone in enumerate(ZONES):
        for unit in CALENDAR_UNITS:
            # A budget that carries over has a counter in every period: hours would be many, and
            # days are in all zones but the one that moves its clocks by half an hour.
            many = unit == "hour" or (unit == "day" and zone != "Australia/Lord_Howe")
            terms = None if many else TERMS[place % len(TERMS)]
            rules.append((CalendarPeriod(unit, zone), terms))
    for place, seconds in enumerate((5 * HOUR, 5 * HOUR, DAY, 30 * DAY, 45 * DAY)):
        rules.append((DurationPeriod(seconds), TERMS[place % len(TERMS)]))
    rules += [(RollingPeriod(seconds), None) for seconds in (HOUR, DAY, 30 * DAY)]
    rules += [(NoPeriod(), None), (NoPeriod(), None)]
    assert len(rules) == 40
    return rules


class Killed(BaseException):
    """The process is gone."""


@dataclass
class MortalClient:
    """Passes calls on until its time has come: then it dies before or after one."""

    engine: Any
    calls_left: int
    dies_after_it: bool

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls_left -= 1
            if self.calls_left < 0 and not self.dies_after_it:
                raise Killed
            answer = getattr(self.engine, operation)(**arguments)
            time.sleep(0)  # lets the other run go first: the engine in memory waits for nothing
            if self.calls_left < 0:
                raise Killed
            return answer

        return call


@dataclass
class Year:
    """The world, what is still to be settled, and what has happened."""

    world: World
    dice: random.Random
    budgets: list[Budget] = field(default_factory=list)
    to_settle: list[tuple[int, int, str, dict[str, Amount]]] = field(default_factory=list)
    happened: Tally[str] = field(default_factory=Tally)

    def __post_init__(self) -> None:
        for place, (rule, terms) in enumerate(forty_rules()):
            on = f"kind{place}:{'*' if place % 3 == 0 else 'one'}"
            limit = self.dice.randint(5, 40)
            self.budgets.append(self.world.budget(limit, on=on, period=rule, carry_over=terms))

    def run(self, steps: int) -> None:
        """Something happens at random moments, all through a year."""
        ends_ms = self.world.clock.now_ms() + YEAR * 1000
        while self.world.clock.now_ms() < ends_ms:
            self.world.clock.advance(self.dice.expovariate(steps / YEAR) + 1)
            self._settle_what_comes_in()
            self.dice.choices(
                [self._spend, self._record, self._credit, self._change, self._roll_over],
                weights=[12, 3, 1, 1, 6],
            )[0]()
        while self.to_settle:
            self.world.clock.advance(DAY)
            self._settle_what_comes_in()

    def _spend(self) -> None:
        several = self.dice.sample(self.budgets, self.dice.randint(1, 3))
        amount = self.dice.randint(1, min(budget.limit for budget in several) // 2)
        ttl_seconds = self.dice.choice([30, 600, HOUR, DAY])
        try:
            answered = self.world.ask_exactly(
                {"usd": amount}, by=tuple(map(self._who, several)), ttl_seconds=ttl_seconds
            )
        except BudgetExceeded:
            self.happened["refused"] += 1
            return
        self.happened["granted"] += 1
        for balance in json.loads(answered.answer)["budgets"]:
            assert parse_amount(balance["available"]) >= 0, ("granted past the limit", balance)
        self._plan_settlement(id_in(answered), amount, several[0])

    def _plan_settlement(self, reservation_id: str, amount: Amount, budget: Budget) -> None:
        """Most come soon, some up to two periods late, few never; some cost more than estimated."""
        length = _length_seconds(budget.period)
        fate = self.dice.random()
        if fate < 0.05:
            self.happened["never settled"] += 1
            return
        late = self.dice.uniform(0, 2 * length) if fate < 0.35 else self.dice.uniform(0, HOUR)
        at_ms = self.world.clock.now_ms() + int(late * 1000)
        actual = self.dice.randint(0, int(amount * self.dice.choice([1, 1, 1, 2.5])))
        heapq.heappush(
            self.to_settle, (at_ms, len(self.to_settle), reservation_id, {"usd": actual})
        )

    def _settle_what_comes_in(self) -> None:
        commands: list[Settle | Release | Record] = []
        while self.to_settle and self.to_settle[0][0] <= self.world.clock.now_ms():
            _, _, reservation_id, actual = heapq.heappop(self.to_settle)
            if self.dice.random() < 0.1:
                commands.append(Release(TENANT, reservation_id))
            else:
                commands.append(Settle(TENANT, reservation_id, actual))
        if not commands:
            return
        for outcome in self.world.settlements.apply([*commands, *commands[:1]]):
            assert not isinstance(outcome, Exception), outcome
        self.happened["settled"] += len(commands)

    def _record(self) -> None:
        budget = self.dice.choice(self.budgets)
        amount = self.dice.randint(1, budget.limit)
        subjects = (parse_subject(self._who(budget)),)
        self.world.settlements.apply_one(
            Record(TENANT, subjects, {"usd": amount}, fingerprint="year")
        )
        self.happened["recorded"] += 1

    def _credit(self) -> None:
        budget = self.dice.choice(self.budgets)
        subject = parse_subject(self._who(budget))
        credit = Credit(budget.budget_id, subject, self.dice.randint(1, 5 * ONE), Provenance())
        now_ms = self.world.clock.now_ms()
        apply_credit(self.world.table, TENANT, credit, idempotency=None, now_ms=now_ms)
        self.happened["credited"] += 1

    def _change(self) -> None:
        """A new limit, or only another name; what carries over stays as it is."""
        place = self.dice.randrange(len(self.budgets))
        limit, now_ms = self.dice.randint(5, 40) * ONE, self.world.clock.now_ms()
        new: dict[str, Any] = {"limit": limit} if self.dice.random() < 0.6 else {"name": "renamed"}
        stored = change_budget(
            self.world.table, TENANT, self.budgets[place].budget_id,
            lambda found: replace(found, updated_at_ms=now_ms, **new), now_ms=now_ms,
        )  # fmt: skip
        self.budgets[place] = stored.budget
        self.happened["changed"] += 1

    def _roll_over(self) -> None:
        """Once, or twice at a time; half of the runs die at some call."""
        runs = self.dice.choice([1, 1, 2])
        deaths = [self.dice.choice([10**6, self.dice.randint(0, 25)]) for _ in range(runs)]
        after = [self.dice.random() < 0.5 for _ in range(runs)]
        with ThreadPoolExecutor(runs) as pool:
            list(pool.map(self._run_of_the_rollover, deaths, after))

    def _run_of_the_rollover(self, calls: int, dies_after_it: bool) -> None:
        client = MortalClient(self.world.table.client, calls, dies_after_it)
        table = Table(cast("DynamoClient", client), self.world.table.name)
        try:
            progress = close_due_periods(
                table, now_ms=self.world.clock.now_ms(), has_time=lambda: True
            )
        except Killed:
            self.happened["runs killed"] += 1
        else:
            assert not progress.failed
            self.happened["runs finished"] += 1

    def _who(self, budget: Budget) -> str:
        one_of_them = self.dice.choice(["one", "two"])
        return f"{budget.subject.type}:{one_of_them if budget.subject.is_default else 'one'}"


def _length_seconds(rule: PeriodRule) -> int:
    match rule:
        case CalendarPeriod(unit, _):
            return LENGTH_SECONDS[unit]
        case DurationPeriod(seconds) | RollingPeriod(seconds):
            return seconds
        case NoPeriod():
            return 30 * DAY
