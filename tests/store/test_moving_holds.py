"""What a lease holds moves to another bucket as it grows, under every rule of a budget."""

from dataclasses import dataclass, replace

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused
from spendgate_service.store.holds import expired_in, reclaim
from tests.support.faulty_client import KILLED_AFTER, Killed, faulty, meanwhile
from tests.support.world import AGENT, ORGANIZATION, TENANT, World

LIMIT, PAUSES_AT = 20, 8
SHADOW = {"mode": "shadow"}
PAUSING = {"soft_limit": PAUSES_AT * ONE, "on_soft_limit": "pause"}


@dataclass
class Lease:
    """A lease of 5 usd and 5 tokens on a budget in usd that judges by a rule.

    Where the rule is `pause`, it asks for more of the unit that the budget does not count.
    """

    world: World
    budget: Budget
    rule: str
    reservation_id: str

    @property
    def unit(self) -> str:
        return "tokens" if self.rule == "pause" else "usd"

    def grow(self, total: int, *, by: World | None = None, ttl_seconds: int = 600) -> None:
        (by or self.world).leases.extend(
            TENANT, self.reservation_id, ttl_seconds=ttl_seconds, amounts={self.unit: total * ONE}
        )

    def let_all_expire(self) -> None:
        """Also what a crash has left: a later write reclaims it."""
        self.world.clock.advance(1000)
        now_ms, counter = self.world.clock.now_ms(), self.world.counter(self.budget)
        address = self.world.counter_key(self.budget)
        reclaim(self.world.table, address, expired_in(counter, now_ms=now_ms))

    def change_unseen(self, **fields: object) -> World:
        """Change the budget; the rules in the cache of the world that is returned are older."""
        other = self.world.on(self.world.table)
        other.policy_cache.rules(TENANT, [self.budget.subject])
        change_budget(
            self.world.table, TENANT, self.budget.budget_id,
            lambda current: replace(current, **fields),  # type: ignore[arg-type]
            now_ms=self.world.clock.now_ms(),
        )  # fmt: skip
        return other

    @property
    def held(self) -> float:
        return self.world.spent_and_held(self.budget)[1]


@pytest.fixture(params=["none", "limit", "pause", "limit and pause"])
def lease(request: pytest.FixtureRequest, world: World) -> Lease:
    rule: str = request.param
    budget = world.budget(LIMIT)
    terms = SHADOW if rule == "none" else PAUSING if "pause" in rule else {}
    if terms:
        world.change(budget, **terms)
    reservation_id = world.reserve(5, tokens=5)
    return Lease(world, budget, rule, reservation_id)


def test_all_that_is_held_moves_and_grows(lease: Lease) -> None:
    lease.grow(7)

    grown = 5 if lease.rule == "pause" else 7
    assert lease.held == grown
    holds = lease.world.counter(lease.budget).holds
    assert [amount for amount in holds.values() if amount] == [grown * ONE]


def test_rules_that_are_older_than_the_counter_do_not_decide(lease: Lease) -> None:
    changed = {"mode": "enforce"} if lease.rule == "none" else {"paused": True}
    other = lease.change_unseen(**changed)

    with pytest.raises(BudgetExceeded if lease.rule == "none" else BudgetPaused):
        lease.grow(LIMIT + 1 if lease.rule == "none" else 6, by=other)

    assert lease.held == 5


def test_it_grows_to_the_last_unit_and_below_the_soft_limit(lease: Lease) -> None:
    lease.world.record(PAUSES_AT - 1)
    lease.grow(LIMIT - PAUSES_AT + 1)

    assert lease.held == (5 if lease.rule == "pause" else LIMIT - PAUSES_AT + 1)


def test_it_grows_past_the_limit_of_a_shadow_alone(lease: Lease) -> None:
    if "limit" in lease.rule:
        with pytest.raises(BudgetExceeded):
            lease.grow(LIMIT + 1)
    else:
        lease.grow(LIMIT + 1)

    assert lease.held == (LIMIT + 1 if lease.rule == "none" else 5)


def test_it_does_not_grow_where_the_soft_limit_is_reached(lease: Lease) -> None:
    lease.world.record(PAUSES_AT)
    if "pause" in lease.rule:
        with pytest.raises(BudgetPaused):
            lease.grow(6)
    else:
        lease.grow(6)

    assert lease.held == (5 if "pause" in lease.rule else 6)


def test_nothing_is_taken_from_the_hold_of_another(lease: Lease) -> None:
    """A crash has moved the hold before; what is left in its bucket is another's."""
    lease.world.reserve(3)
    table, client = faulty(lease.world.table)
    client.fail("update_item", KILLED_AFTER, at=1)
    with pytest.raises(Killed):
        lease.grow(6, by=lease.world.on(table))
    before = lease.held

    lease.grow(6)

    assert before == (8 if lease.rule == "pause" else 9)
    assert lease.held == before + (5 if lease.rule == "pause" else 6)
    lease.let_all_expire()


def test_a_crash_leaves_no_hold_that_ends_before_its_reservation(lease: Lease) -> None:
    """The kind: a hold moves to an earlier bucket together with its reservation."""
    table, client = faulty(lease.world.table)
    client.fail("update_item", KILLED_AFTER, at=1)
    with pytest.raises(Killed):
        lease.grow(6, by=lease.world.on(table), ttl_seconds=1)

    lease.world.clock.advance(100)

    assert lease.held >= 5
    lease.grow(7, ttl_seconds=1)
    lease.world.clock.advance(5)
    left = 0 if lease.rule == "pause" else 1
    assert lease.held == left, "what the crash left ends with the hold that it was for"
    lease.let_all_expire()


def test_what_was_reclaimed_meanwhile_is_not_moved_back(world: World) -> None:
    wide, tight = world.budget(10), world.budget(5, on=ORGANIZATION)
    reservation_id = world.reserve(5, by=(ORGANIZATION, AGENT))
    table, client = faulty(world.table)
    lease = Lease(world, wide, "limit", reservation_id)
    client.fail("update_item", meanwhile(lease.let_all_expire), at=2)

    with pytest.raises(BudgetExceeded):
        lease.grow(6, by=world.on(table))

    assert world.counter(wide).available == 10 * ONE
    assert world.counter(tight).spent == 0
