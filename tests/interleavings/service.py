"""The service as the explorer drives it: the one module here that knows how it is put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.audit.rollups import audit_rolled_day
from spendgate_service.budgets.change import change_budget
from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.budgets.decisions import Approval, approve, deny
from spendgate_service.budgets.increase_requests import Wish, expire_requests, open_request
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.increase_requests import IncreaseRequest
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store.client import Table
from spendgate_service.store.errors import StoreError, Unavailable
from spendgate_service.store.idempotency import IdempotencyRecord
from spendgate_service.store.rollups import read_rolled_days, read_rollup_state
from spendgate_service.usage.reverse import reverse
from spendgate_service.usage.roll_up import roll_up_usage
from tests.interleavings.clients import ScheduledPool, WaitingClient
from tests.interleavings.runs import Run
from tests.support.clock import FakeClock
from tests.support.world import TENANT, World

TABLE_NAME = "spendgate"

type Refusals = tuple[type[Exception], ...]

REFUSALS: Refusals = (SpendgateError, StoreError)
"""What an operation may answer instead of a result; anything else is a bug."""


@dataclass(slots=True)
class EnvironmentClock(FakeClock):
    """The clock of the process that asks: that of the run, and how much it is ahead."""

    run: Run | None = None

    def now_ms(self) -> int:
        assert self.run is not None
        return self.run.clock_of()

    def monotonic(self) -> float:
        return self.now_ms() / 1000

    def advance(self, seconds: float) -> None:
        assert self.run is not None and self.run.current is None
        self.run.now_ms += int(seconds * 1000)


def environment(run: Run, *, warm_for: Sequence[str] = ()) -> World:
    """An execution environment of its own; `warm_for` are subjects whose rules it has read."""
    client: Any = WaitingClient(run)
    table = Table(client, TABLE_NAME, sleep=lambda _seconds: None)
    world = World(table, EnvironmentClock(run=run), ScheduledPool(run))
    if warm_for:
        world.policy_cache.rules(TENANT, tuple(map(parse_subject, warm_for)))
    return world


def reverse_spend(world: World, record_id: str) -> object:
    """What the reversal of a usage record does."""
    now_ms = world.clock.now_ms()
    return reverse(world.table, TENANT, record_id, None, now_ms=now_ms).record


def roll_up(world: World) -> object:
    """A part of the scheduled function."""
    return roll_up_usage(world.table, now_ms=world.clock.now_ms(), has_time=lambda: True)


def check_rollups(world: World, *, records: int) -> None:
    """What is rolled up is the sum of the records, each of which is counted once."""
    state = read_rollup_state(world.table, TENANT)
    if state is None:
        return
    rolled = read_rolled_days(world.table, TENANT, "0", "9")
    assert sum(day.records for day in rolled.values()) == records
    for day in rolled:
        findings = audit_rolled_day(world.table, TENANT, day, now_ms=world.clock.now_ms())
        assert not findings, findings


def set_limit(world: World, budget: Budget, limit: int) -> object:
    """What PATCH does with a limit."""
    return change(world, budget, limit=limit * ONE)


def change(world: World, budget: Budget, **fields: Any) -> object:
    """What PATCH, pause, resume and disable do."""
    return change_budget(
        world.table, TENANT, budget.budget_id,
        lambda found: replace(found, **fields), now_ms=world.clock.now_ms(),
    )  # fmt: skip


def credit(
    world: World,
    budget: Budget,
    amount: int,
    *,
    key: str | None = None,
    subject: str | None = None,
    ends_at: int | None = None,
) -> object:
    """A top-up or a correction; under an idempotency key once."""
    once = IdempotencyRecord(TENANT, "credit", key, "fingerprint") if key is not None else None
    counted = parse_subject(subject) if subject else None
    top_up = Credit(budget.budget_id, counted, amount * ONE, Provenance(), ends_at)
    return apply_credit(world.table, TENANT, top_up, idempotency=once, now_ms=world.clock.now_ms())


def ask_for_more(world: World, budget: Budget, amount: int, *, ends_at: int) -> str:
    """What a caller asks for, with a key of its own; the id of the request."""
    wish = Wish(
        f"req_{1:026d}", budget.budget_id, None, amount * ONE, ends_at, "r", "key_agent", None
    )
    asked = open_request(
        world.table, TENANT, wish, bound_to={}, idempotency=None, now_ms=world.clock.now_ms()
    )
    assert isinstance(asked, IncreaseRequest)
    return asked.request_id


def approve_request(world: World, request_id: str) -> object:
    """What an approver does who grants what was asked for."""
    now_ms = world.clock.now_ms()
    return approve(world.table, TENANT, request_id, Approval(), idempotency=None, now_ms=now_ms)


def deny_request(world: World, request_id: str) -> object:
    """What an approver does who denies."""
    now_ms = world.clock.now_ms()
    return deny(world.table, TENANT, request_id, note=None, idempotency=None, now_ms=now_ms)


def expire(world: World) -> object:
    """Another part of the scheduled function."""
    return expire_requests(world.table, now_ms=world.clock.now_ms(), has_time=lambda: True)


def apply_batch(world: World, *commands: SettlementCommand) -> object:
    """What the queue's consumer does with a batch."""
    outcomes = world.settlements.apply(commands)
    unexpected = [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Exception) and not isinstance(outcome, REFUSALS)
    ]
    if unexpected:
        raise unexpected[0]
    return outcomes


def until_answered(act: Callable[[], object]) -> object:
    """What a caller does whose answer was lost: the same again, with the same key."""
    try:
        return act()
    except Unavailable:
        return act()
