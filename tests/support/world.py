"""One tenant over any table: short words for what the tests of the store do."""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.budgets.change import change_budget, delete_budget
from spendgate_service.budgets.create import create_budget
from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import NoPeriod, PeriodRule, period_in_force
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.requests import Capture, Record, Release, Settle, SpendRequest
from spendgate_service.domain.reservations import OnExpiry, Reservation
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.events.threshold_events import ThresholdEvents
from spendgate_service.reservations.check import Balances
from spendgate_service.reservations.extend import extend
from spendgate_service.reservations.find import find_reservation
from spendgate_service.reservations.grow import Leases
from spendgate_service.reservations.replays import Answered
from spendgate_service.reservations.reserve import Reservations
from spendgate_service.settlements.apply import Settlements
from spendgate_service.settlements.plan import Captured, Recorded, Settled
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counter
from spendgate_service.store.ids import new_id
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX, PolicyCache
from spendgate_service.tenants.tenants import change_settings, change_tenant, create_tenant
from tests.support.app import Inline, spendgate_over
from tests.support.clock import FakeClock
from tests.support.faulty_client import faulty, meanwhile

TENANT = "acme"
AGENT = "agent:researcher"
ORGANIZATION = f"organization:{TENANT}"


@dataclass
class World:
    """A tenant with its clock, its rules, and the operations on its budgets."""

    table: Table
    clock: FakeClock = field(default_factory=FakeClock)
    pool: Executor = field(default_factory=Inline)

    @cached_property
    def app(self) -> Spendgate:
        return spendgate_over(self.table, self.clock, budgets_pool=self.pool)

    @property
    def policy_cache(self) -> PolicyCache:
        return self.app.policy_cache

    @property
    def reservations(self) -> Reservations:
        return self.app.reservations

    @property
    def leases(self) -> Leases:
        return self.app.leases

    @property
    def settlements(self) -> Settlements:
        return self.app.settlements

    @property
    def threshold_events(self) -> ThresholdEvents:
        return self.app.threshold_events

    @property
    def balances(self) -> Balances:
        return self.app.balances

    def on(self, table: Table) -> "World":
        """The same tenant and clock through another client, with rules of its own."""
        return World(table, self.clock, self.pool)

    def overtaken_by(self, others_do: Callable[[], object]) -> "World":
        """The same, and others come first when its first transaction is about to be written."""
        table, client = faulty(self.table)
        client.fail("transact_write_items", meanwhile(others_do))
        return self.on(table)

    def budget(
        self,
        limit: int,
        *,
        on: str = AGENT,
        unit: str = "usd",
        period: PeriodRule | None = None,
        carry_over: CarryOver | None = None,
    ) -> Budget:
        now_ms = self.clock.now_ms()
        budget = Budget(
            budget_id=new_id("bud_", now_ms=now_ms),
            subject=parse_subject(on),
            unit=unit,
            limit=limit * ONE,
            period=period or NoPeriod(),
            carry_over=carry_over,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
        create_budget(self.table, TENANT, budget, idempotency=None, now_ms=now_ms)
        return budget

    def set_limit(self, budget: Budget, limit: int) -> None:
        change_budget(
            self.table, TENANT, budget.budget_id,
            lambda current: replace(current, limit=limit * ONE), now_ms=self.clock.now_ms(),
        )  # fmt: skip

    def change(self, budget: Budget, **fields: object) -> None:
        """Change a budget, and let the rules that were read before run out."""
        change_budget(
            self.table, TENANT, budget.budget_id,
            lambda current: replace(current, **fields), now_ms=self.clock.now_ms(),  # type: ignore[arg-type]
        )  # fmt: skip
        self.clock.advance(PRESENT_SECONDS_MAX + 1)

    def delete(self, budget: Budget) -> None:
        delete_budget(self.table, TENANT, budget.budget_id, now_ms=self.clock.now_ms())

    def ask(
        self,
        usd: int | None = None,
        *,
        by: tuple[str, ...] = (AGENT,),
        key: str | None = None,
        ttl_seconds: int = 300,
        at_least: Mapping[str, int] = MappingProxyType({}),
        on_expiry: OnExpiry = "release",
        **others: int,
    ) -> Answered:
        return self.ask_exactly(
            amounts_of(usd, **others), by=by, key=key, ttl_seconds=ttl_seconds,
            min_amounts=amounts_of(**at_least), on_expiry=on_expiry,
        )  # fmt: skip

    def ask_exactly(
        self,
        amounts: Mapping[str, Amount],
        *,
        by: tuple[str, ...] = (AGENT,),
        key: str | None = None,
        ttl_seconds: int = 300,
        min_amounts: Mapping[str, Amount] = MappingProxyType({}),
        on_expiry: OnExpiry = "release",
    ) -> Answered:
        """The same, with amounts as the rules count them."""
        request = SpendRequest(
            tenant_id=TENANT,
            subjects=tuple(map(parse_subject, by)),
            amounts=amounts,
            ttl_seconds=ttl_seconds,
            fingerprint=_fingerprint(amounts, by, ttl_seconds),
            idempotency_key=key,
            min_amounts=min_amounts,
            on_expiry=on_expiry,
        )
        return self.reservations.reserve(request)

    def reserve(self, usd: int | None = None, **arguments: Any) -> str:
        """The id of a new reservation."""
        return id_in(self.ask(usd, **arguments))

    def find(self, reservation_id: str) -> Reservation:
        return find_reservation(self.table, TENANT, reservation_id)

    def settle(self, reservation_id: str, usd: int | None = None, **others: int) -> Settled:
        result = self.settlements.apply_one(settle(reservation_id, usd, **others))
        assert isinstance(result, Settled)
        return result

    def capture(
        self, reservation_id: str, usd: int | None = None, *, returned: int | None = None,
        **others: int,
    ) -> Captured:  # fmt: skip
        result = self.settlements.apply_one(
            capture(reservation_id, usd, returned=returned, **others)
        )
        assert isinstance(result, Captured)
        return result

    def release(self, reservation_id: str) -> Settled:
        result = self.settlements.apply_one(release(reservation_id))
        assert isinstance(result, Settled)
        return result

    def record(self, usd: int | None = None, **arguments: Any) -> str:
        result = self.settlements.apply_one(record(usd, **arguments))
        assert isinstance(result, Recorded)
        return result.answer

    def extend(self, reservation_id: str, ttl_seconds: int) -> Reservation:
        return extend(
            self.table, TENANT, reservation_id,
            ttl_seconds=ttl_seconds, now_ms=self.clock.now_ms,
        )  # fmt: skip

    def grow(
        self, reservation_id: str, usd: int | None = None, *, ttl_seconds: int | None = None,
        **others: int,
    ) -> Reservation:  # fmt: skip
        """Raise the totals granted of a lease."""
        grown = self.leases.extend(
            TENANT, reservation_id, ttl_seconds=ttl_seconds, amounts=amounts_of(usd, **others)
        )
        return grown.reservation

    def counter_key(self, budget: Budget, subject: str | None = None) -> keys.Key:
        """The counter of the period in force, of the budget's own subject if none is named."""
        period = period_in_force(budget.period, now_ms=self.clock.now_ms())
        counted = parse_subject(subject) if subject else budget.subject
        return keys.counter_key(TENANT, budget.budget_id, counted, period.key)

    def reservation_key(self, reservation_id: str) -> keys.Key:
        return keys.reservation_key(TENANT, reservation_id)

    def balance_of(self, subject: str) -> Balance:
        """The balance of the one budget that limits the subject."""
        (balance,) = self.balances.of_subjects(TENANT, [parse_subject(subject)])
        return balance

    def counter(self, budget: Budget, subject: str | None = None) -> Counter:
        item = self.table.get(values.key(self.counter_key(budget, subject)))
        assert item is not None, "nobody has used this budget"
        return read_counter(item)

    def spent_and_held(self, budget: Budget, subject: str | None = None) -> tuple[float, float]:
        """In whole units, with what has expired left out."""
        counter = self.counter(budget, subject)
        held = counter.held(now_ms=self.clock.now_ms())
        return counter.spent / ONE, held / ONE


def set_rates(world: World, *rates: Rate) -> None:
    """Create the tenant with conversion rates."""
    create_tenant(world.table, Tenant(TENANT, created_at_ms=1), idempotency=None)
    by_target: dict[str, dict[str, Rate]] = {}
    for rate in rates:
        by_target.setdefault(rate.target, {})[rate.source] = rate
    change_tenant(
        world.table,
        TENANT,
        change_settings(lambda tenant: replace(tenant, rates=by_target)),
        now_ms=2,
    )


def id_in(answered: Answered) -> str:
    return str(json.loads(answered.answer)["reservation_id"])


def amounts_of(usd: int | None = None, **others: int) -> dict[str, Amount]:
    named = {"usd": usd, **others}
    return {unit: amount * ONE for unit, amount in named.items() if amount is not None}


def settle(reservation_id: str, usd: int | None = None, **others: int) -> Settle:
    return Settle(TENANT, reservation_id, amounts_of(usd, **others))


def capture(
    reservation_id: str, usd: int | None = None, *, returned: int | None = None, **others: int
) -> Capture:
    return Capture(TENANT, reservation_id, amounts_of(usd, **others), amounts_of(returned))


def release(reservation_id: str) -> Release:
    return Release(TENANT, reservation_id)


def record(
    usd: int | None = None,
    *,
    by: tuple[str, ...] = (AGENT,),
    key: str | None = None,
    occurred_at_ms: int | None = None,
    **others: int,
) -> Record:
    actual = amounts_of(usd, **others)
    subjects = tuple(map(parse_subject, by))
    return Record(
        tenant_id=TENANT,
        subjects=subjects,
        actual=actual,
        fingerprint=_fingerprint(actual, by),
        idempotency_key=key,
        occurred_at_ms=occurred_at_ms,
    )


def many_subjects(count: int) -> tuple[str, ...]:
    """As many subjects as wanted, each of another type."""
    return tuple(f"kind{number}:one" for number in range(count))


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
