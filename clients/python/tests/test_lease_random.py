"""Random holders on one budget: responses get lost, the authority goes away, calls come to less."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate._leases.amounts import ONE, parsed
from spendgate._leases.holder import Waiter
from spendgate._leases.lines import NO_INFO
from spendgate._leases.steps import Report
from spendgate._leases.tenure import Admission
from spendgate.errors import SpendgateError, Unavailable
from tests.support.lease_desk import USD, Desk, usd

STEPS = 300


@dataclass
class Run:
    """Several holders of one authority, at random."""

    chance: random.Random
    desks: Sequence[Desk]
    now: float = 1000.0
    running: list[tuple[Desk, Admission, str]] = field(default_factory=list)
    waiting: list[tuple[Desk, Waiter, str]] = field(default_factory=list)
    spent: int = 0

    def __post_init__(self) -> None:
        self.authority = self.desks[0].authority
        self.authority.clock = lambda: self.now
        for desk in self.desks:
            desk.authority = self.authority

    def go_on(self) -> None:
        """Let time pass, ask for a call, take a step, settle a call."""
        self.now += self.chance.expovariate(4)
        away = self.authority.is_away
        self.authority.is_away = self.chance.random() < (0.9 if away else 0.02)
        for desk in self.desks:
            desk.now = self.now
        desk = self.chance.choice(self.desks)
        self.ask(desk, self.chance.choice(["1", "2", "0.5", "0.25"]))
        self.take_step(desk)
        self.collect()
        if self.running and self.chance.random() < 0.8:
            self.settle(*self.running.pop(self.chance.randrange(len(self.running))))

    def release_one(self) -> None:
        """An admin releases a reservation, also one that its holder spends from."""
        if self.authority.holds:
            self.authority.release(self.chance.choice(list(self.authority.holds)))

    def ask(self, desk: Desk, amount: str) -> None:
        call = desk.holder.admit(usd(amount), self.now)
        if call is not None:
            self.running.append((desk, call, amount))
        else:
            self.waiting.append((desk, desk.holder.wait(usd(amount), None), amount))

    def take_step(self, desk: Desk) -> None:
        """Take the step that is due; the service may do it and its response be lost."""
        step = desk.holder.next_step(self.now)
        if step is None:
            return
        if self.chance.random() > 0.1:
            desk.take(step)
            return
        request = step.delivery.request() if isinstance(step, Report) else step.request()
        with contextlib.suppress(SpendgateError):
            self.authority.send(request)
        desk.holder.failed(step, Unavailable("lost"), self.now)

    def collect(self) -> None:
        for desk, waiter, amount in list(self.waiting):
            if waiter.admitted.done():
                self.waiting.remove((desk, waiter, amount))
                if waiter.admitted.exception(0) is None:
                    self.running.append((desk, waiter.admitted.result(0), amount))

    def settle(self, desk: Desk, call: Admission, amount: str) -> None:
        spent = str(Decimal(amount) * self.chance.choice([Decimal(1), Decimal("0.5"), Decimal(0)]))
        assert desk.holder.settle(call, usd(spent), NO_INFO)
        self.spent += parsed(spent)

    def end(self) -> None:
        """Release what still runs, and drain."""
        self.authority.is_away = False
        for desk, call, _ in self.running:
            desk.holder.release(call)
        for desk in self.desks:
            desk.holder.close()
            desk.wait(30)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), holders=st.integers(1, 4), limit=st.integers(5, 60))
def test_random_holders_never_pass_the_limit_and_lose_nothing(
    seed: int, holders: int, limit: int
) -> None:
    run = Run(random.Random(seed), [Desk(str(limit), entries="each") for _ in range(holders)])
    for _ in range(STEPS):
        run.go_on()
        assert run.authority.spent() + run.authority.held() <= limit * ONE
    run.end()
    assert run.authority.spent() == run.spent
    assert sum(parsed(line["amounts"].get(USD, 0)) for line in run.authority.lines) == run.spent


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), holders=st.integers(1, 3))
def test_random_holders_lose_and_double_nothing_when_admins_release(
    seed: int, holders: int
) -> None:
    run = Run(random.Random(seed), [Desk("10000") for _ in range(holders)])
    for _ in range(STEPS):
        run.go_on()
        if run.chance.random() < 0.05:
            run.release_one()
    run.end()
    assert run.authority.spent() == run.spent
