"""Debits on budgets on which nothing was held, in the period in which the money was spent.

A report of the past never opens a period: a period that has ended counts it if it has a counter
(`Posting.must_exist`), and a window of a duration only if it was open then.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Claim, claims_on
from spendgate_service.domain.ledger import EntryKind, LedgerEntry, entry_on
from spendgate_service.domain.occurrence import JUST_NOW_MS_MAX
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    RollingPeriod,
    rolling_period,
    rule_of,
)
from spendgate_service.domain.rates import Origin
from spendgate_service.domain.requests import claims_fit_one_transaction
from spendgate_service.domain.reservations import Line, Provenance, Reservation
from spendgate_service.domain.subjects import SESSION, Subject, id_of_type
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged, Throttled
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.postings import Posting
from spendgate_service.store.retrying import POLICY_READS_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows


@dataclass(frozen=True, slots=True)
class Spending:
    """What the ledger entries of one command have in common."""

    subjects: Sequence[Subject]
    provenance: Provenance
    now_ms: int
    reservation_id: str | None = None

    def on(
        self, line: Line, amount: Amount, origin: Origin | None, *, kind: EntryKind = "spend"
    ) -> LedgerEntry:
        """Make the entry on one budget; it gets its id when it is written."""
        entry = entry_on(
            line,
            amount,
            self.provenance,
            now_ms=self.now_ms,
            session_id=id_of_type(self.subjects, SESSION),
            reservation_id=self.reservation_id,
            kind=kind,
        )
        return replace(entry, origin=origin) if origin else entry


@dataclass(frozen=True, slots=True)
class Debit:
    """A claim on a budget, its period, and the posting on its counter.

    Without a period, no period of the budget counts the spend, and there is no posting.
    """

    claim: Claim
    period: Period | None = None
    posting: Posting | None = None


class Debits:
    """Finds what spend debits."""

    def __init__(self, table: Table, policy_cache: PolicyCache) -> None:
        self._policy_cache = policy_cache
        self._windows = Windows(table)

    def of_record(
        self, tenant_id: str, spending: Spending, actual: Mapping[str, Amount], *, at_ms: int
    ) -> list[Debit]:
        """Debit every budget that applies, at the moment at which it was spent.

        Raises Throttled, UnknownRate, InvalidValue.
        """

        def debit(claim: Claim) -> Debit:
            period = self._period_of_record(tenant_id, claim, at_ms, spending.now_ms)
            return _debit(tenant_id, claim, period, spending, slice_at_ms=at_ms)

        return self._debits(tenant_id, spending, actual, debit, at_ms=at_ms)

    def with_rates(self, tenant_id: str, spent: Reservation, *, now_ms: int) -> Reservation:
        """Add to the lines the rates of units that are first named when it is spent.

        Reads the rates only if one of them may count. Raises Throttled.
        """
        held, actual = spent.amounts, spent.counted
        if not any(line.unconverted(held, actual) for line in spent.lines):
            return spent
        rates = self._policy_cache.rules(tenant_id, spent.subjects).tenant.rates
        lines = tuple(
            line.with_rates(rates.get(line.unit, {}), held, actual, now_ms=now_ms)
            for line in spent.lines
        )
        return replace(spent, lines=lines)

    def of_settlement(
        self,
        tenant_id: str,
        spending: Spending,
        beyond: Mapping[str, Amount],
        reservation: Reservation,
    ) -> list[Debit]:
        """Debit every budget that applies to units that were not held.

        They count in the period of the reservation, and in a rolling window as its lines do. On the
        budgets of these the same spending counts already, in another unit. Raises Throttled,
        UnknownRate, InvalidValue.
        """
        now_ms = spending.now_ms
        slice_at_ms = reservation.spent_by(now_ms=now_ms)

        def debit(claim: Claim) -> Debit:
            period = self._period_of_settlement(tenant_id, claim, reservation.created_at_ms, now_ms)
            return _debit(tenant_id, claim, period, spending, slice_at_ms=slice_at_ms)

        held_on = {(line.budget_id, line.subject) for line in reservation.lines}
        return self._debits(tenant_id, spending, beyond, debit, at_ms=now_ms, except_on=held_on)

    def uncounted(
        self,
        tenant_id: str,
        settled: Reservation,
        beyond: Mapping[str, Amount],
        debits: Sequence[Debit],
    ) -> tuple[str, ...]:
        """Return the units of `beyond` that no budget of a settlement counts, by no rate either."""
        counting = {line.unit for line in settled.lines}
        counting |= {debit.claim.budget.unit for debit in debits}
        others = [unit for unit, amount in beyond.items() if amount and unit not in counting]
        if not others:
            return ()
        rates = self._policy_cache.rules(tenant_id, settled.subjects).tenant.rates
        converted = {source for unit in counting for source in rates.get(unit, {})}
        return tuple(sorted(set(others) - converted))

    def _debits(
        self,
        tenant_id: str,
        spending: Spending,
        actual: Mapping[str, Amount],
        debit: Callable[[Claim], Debit],
        *,
        at_ms: int,
        except_on: Collection[tuple[str, Subject]] = (),
    ) -> list[Debit]:
        """Debit the budgets that apply; a rate must be good at `at_ms`."""
        if not actual:
            return []
        changing = "the budgets are being changed right now; try again"
        for attempt in attempts(POLICY_READS_MAX, exhausted=lambda: Throttled(changing)):
            rules = self._policy_cache.rules(tenant_id, spending.subjects, fresh=attempt > 0)
            claims = claims_on(
                spending.subjects,
                actual,
                rules.policies,
                rules.tenant.rates,
                now_ms=at_ms,
                but_not=except_on,
            )
            claims_fit_one_transaction(claims)
            try:
                return [debit(claim) for claim in claims]
            except PolicyChanged:
                continue
        raise LoopEnded

    def _period_of_settlement(
        self, tenant_id: str, claim: Claim, at_ms: int, now_ms: int
    ) -> Period | None:
        """Return the period of a reservation; a window starts then if it is still open now.

        Raises PolicyChanged.
        """
        rule = claim.budget.period
        if isinstance(rule, DurationPeriod) and at_ms + rule.seconds * 1000 <= now_ms:
            return self._windows.open_at(tenant_id, claim, rule, at_ms)
        return self._windows.use(tenant_id, claim, at_ms, now_ms=now_ms)

    def _period_of_record(
        self, tenant_id: str, claim: Claim, at_ms: int, now_ms: int
    ) -> Period | None:
        """Return the period that counts what was spent at a moment; None if there is none.

        Raises PolicyChanged.
        """
        match claim.budget.period:
            case DurationPeriod() as rule if at_ms < now_ms:
                return self._window_of_record(tenant_id, claim, rule, at_ms, now_ms)
            case RollingPeriod() as rule:
                is_in_window = rule.leaves_at(spent_at_ms=at_ms) * 1000 > now_ms
                return rolling_period(rule) if is_in_window else None
            case _:
                return self._windows.use(tenant_id, claim, at_ms, now_ms=now_ms)

    def _window_of_record(
        self, tenant_id: str, claim: Claim, rule: DurationPeriod, at_ms: int, now_ms: int
    ) -> Period | None:
        window = self._windows.open_at(tenant_id, claim, rule, at_ms)
        if window is None and now_ms - at_ms <= JUST_NOW_MS_MAX:
            return self._windows.use(tenant_id, claim, now_ms)
        return window


def _debit(
    tenant_id: str, claim: Claim, period: Period | None, spending: Spending, *, slice_at_ms: int
) -> Debit:
    if period is None:
        return Debit(claim)
    counter_claim = CounterClaim(tenant_id, claim, period)
    has_ended = period.ends_at is not None and period.ends_at * 1000 <= spending.now_ms
    posting = Posting(
        counter=counter_claim.address,
        creation=None if has_ended else counter_claim.creation,
        must_exist=has_ended,
        entry=spending.on(counter_claim.line, claim.amount, claim.origin),
        leaves_at=leaves_at(period.key, slice_at_ms),
    )
    return Debit(claim, period, posting)


def leaves_at(period_key: str, spent_at_ms: int) -> int | None:
    """Return when what is spent leaves a rolling window; None in any other period."""
    rule = rule_of(period_key)
    return rule.leaves_at(spent_at_ms=spent_at_ms) if isinstance(rule, RollingPeriod) else None
