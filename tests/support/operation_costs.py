"""What operations cost in calls and units, counted on an engine: for tests and docs/cost.md."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from spendgate_service.api.bodies.capturing import CaptureBody
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.periods.run import close_due_periods
from spendgate_service.reservations.refusal_cache import REFUSALS_UNTIL_BELIEVED
from spendgate_service.store.client import Table
from tests.support.counting_client import CountingClient, counting
from tests.support.world import ORGANIZATION, TENANT, World, release, settle

BUDGETS = (1, 3, 6)
BATCHES = (1, 10, 30)
FULL_BATCH = 30
"""How many messages the consumer of the queue takes at most: its batch size in the template."""

_OTHERS = ("user:u-1", "session:s-42", "tool:search:web", "model:gpt-4o", "app:chat")


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation took of DynamoDB."""

    calls: Mapping[str, int]
    write_units: float
    read_units: float

    @property
    def round_trips(self) -> int:
        """How many calls it made, side by side or not."""
        return sum(self.calls.values())

    def each(self, times: int) -> "Cost":
        """The part of one of so many."""
        return Cost(self.calls, self.write_units / times, self.read_units / times)


class Counted:
    """A tenant whose operations are counted; `budgets` apply to each of its requests."""

    def __init__(self, table: Table, budgets: int, *, limit: int = 100_000) -> None:
        self.world = World(table)
        for subject in subjects("*", budgets):
            self.world.budget(limit, on=subject, period=CalendarPeriod("month"))
        counted_table, self.client = counting(table)
        self.counted = self.world.on(counted_table)
        self.budgets = budgets

    def by(self, agent: str = "researcher") -> tuple[str, ...]:
        """Everybody who spends in a request of that agent."""
        return subjects(agent, self.budgets)

    def cost(self, work: Callable[[World], object], *, agent: str = "researcher") -> Cost:
        """What it costs while the rules are cached."""
        self.counted.policy_cache.rules(TENANT, map(parse_subject, self.by(agent)))
        self.client.forget()
        with suppress(BudgetExceeded):
            work(self.counted)
        return _counted(self.client)


def subjects(agent: str, budgets: int) -> tuple[str, ...]:
    """An agent, its organization if two are wanted, and others."""
    return (f"agent:{agent}", ORGANIZATION, *_OTHERS)[:budgets]


def reserve_granted(table: Table, budgets: int, *, key: str | None = None) -> Cost:
    """A reservation on counters that are there."""
    tenant = Counted(table, budgets)
    tenant.world.reserve(1, by=tenant.by())
    return tenant.cost(lambda world: world.ask(1, by=tenant.by(), key=key))


def reserve_first_of_period(table: Table, budgets: int) -> Cost:
    """A reservation that creates its counters, and their entries in the index by their end."""
    tenant = Counted(table, budgets)
    return tenant.cost(lambda world: world.reserve(1, by=tenant.by()))


def reserve_replayed(table: Table, budgets: int) -> Cost:
    """The same request again, with its key, while the budgets would still grant it."""
    tenant = Counted(table, budgets)
    tenant.world.ask(1, by=tenant.by(), key="k")
    return tenant.cost(lambda world: world.ask(1, by=tenant.by(), key="k"))


def reserve_refused(table: Table, budgets: int, *, key: str | None = None) -> Cost:
    """One budget refuses, the others would have granted: what they held goes back.

    Not for the first time: then what the budget has reached is announced, unless it was before.
    """
    tenant = _nearly_spent(table, budgets)
    tenant.cost(lambda world: world.ask(2, by=tenant.by(), key=key))
    return tenant.cost(lambda world: world.ask(2, by=tenant.by(), key=key))


def reserve_refused_from_memory(table: Table, budgets: int) -> Cost:
    """The same, of a budget that is hammered."""
    tenant = _nearly_spent(table, budgets)
    for _ in range(REFUSALS_UNTIL_BELIEVED):
        tenant.cost(lambda world: world.ask(2, by=tenant.by()))
    return tenant.cost(lambda world: world.ask(2, by=tenant.by()))


def _nearly_spent(table: Table, budgets: int) -> Counted:
    """The agent has 1 left, everybody else much more."""
    tenant = Counted(table, budgets)
    tenant.world.budget(10, on="agent:researcher", period=CalendarPeriod("month"))
    tenant.world.settle(tenant.world.reserve(9, by=tenant.by()), 9)
    return tenant


def check(table: Table, budgets: int) -> Cost:
    """The balances are read, nothing is written."""
    tenant = Counted(table, budgets)
    tenant.world.reserve(1, by=tenant.by())
    asked = list(map(parse_subject, tenant.by()))
    return tenant.cost(lambda world: world.balances.of_subjects(TENANT, asked))


def settled(table: Table, budgets: int, batch: int) -> Cost:
    """Settlements on the same budgets, one batch: what one of them costs."""
    tenant = Counted(table, budgets)
    reserved = [tenant.world.reserve(2, by=tenant.by()) for _ in range(batch)]
    commands = [settle(reservation_id, 1) for reservation_id in reserved]
    return tenant.cost(lambda world: world.settlements.apply(commands)).each(batch)


def settled_cold(table: Table, budgets: int, batch: int) -> Cost:
    """The same, where each is of another agent."""
    tenant = Counted(table, budgets)
    agents = [f"a{number}" for number in range(batch)]
    reserved = [tenant.world.reserve(2, by=tenant.by(agent)) for agent in agents]
    commands = [settle(reservation_id, 1) for reservation_id in reserved]
    return tenant.cost(lambda world: world.settlements.apply(commands)).each(batch)


def lease_grown(table: Table, budgets: int) -> Cost:
    """A lease that asks for more once again, and is renewed with it."""
    tenant = Counted(table, budgets)
    held = tenant.world.reserve(2, by=tenant.by(), ttl_seconds=60)
    tenant.world.grow(held, 4, ttl_seconds=60)
    tenant.world.clock.advance(20)
    return tenant.cost(lambda world: world.grow(held, 6, ttl_seconds=60))


def lease_captured(table: Table, budgets: int, batch: int, *, lines: int = 1) -> Cost:
    """Captures of leases on the same budgets, one batch, with so many lines: what one costs."""
    tenant = Counted(table, budgets)
    leases = [
        tenant.world.reserve(2, by=tenant.by(), ttl_seconds=60, key=f"lease-{number}")
        for number in range(batch)
    ]
    commands = [
        CaptureBody.model_validate(
            {
                "actual": {"usd": "1"},
                "entries": [_line(number, str(Decimal(1) / lines)) for number in range(lines)],
            }
        ).to_capture(tenant_id=TENANT, reservation_id=lease)
        for lease in leases
    ]
    return tenant.cost(lambda world: world.settlements.apply(commands)).each(batch)


def _line(number: int, usd: str) -> dict[str, object]:
    return {
        "amounts": {"usd": usd},
        "subjects": {"session": f"s-{number % 10}"},
        "usage": {
            "provider": "openai",
            "model": "gpt-4o",
            "input_tokens": 1200 + number,
            "output_tokens": 300,
        },
        "ref_type": "llm_generation",
        "ref_id": f"chatcmpl-{uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex}",
    }


def rollover_idle(table: Table) -> Cost:
    """A run of the rollover that finds nothing to close."""
    counted_table, client = counting(table)
    close_due_periods(counted_table, now_ms=0, has_time=lambda: True)
    return _counted(client)


def released(table: Table, budgets: int) -> Cost:
    """One reservation given back."""
    tenant = Counted(table, budgets)
    held = tenant.world.reserve(2, by=tenant.by())
    return tenant.cost(lambda world: world.settlements.apply_one(release(held)))


def extended(table: Table, budgets: int) -> Cost:
    """One hold moved to a later expiry."""
    tenant = Counted(table, budgets)
    held = tenant.world.reserve(2, by=tenant.by(), ttl_seconds=60)
    return tenant.cost(lambda world: world.extend(held, 600))


def _counted(client: CountingClient) -> Cost:
    return Cost(dict(client.calls), client.write_units, client.read_units)
