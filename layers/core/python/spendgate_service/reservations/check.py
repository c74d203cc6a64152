"""Read-only queries: preview a reservation, read the balances of subjects."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import budgets_on
from spendgate_service.domain.decisions import CheckResult, check_result_of
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.partial import name_what_fits, part_that_fits
from spendgate_service.domain.rates import UnitRates, counted_in, usable_conversions
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.subjects import Subject
from spendgate_service.store.claims import CounterClaim, counter_claims_of, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged, Throttled
from spendgate_service.store.policy_cache import PolicyCache, Rules
from spendgate_service.store.retrying import POLICY_READS_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows


class Balances:
    """Balances of one table; `now_ms` is the clock. Nothing here writes."""

    def __init__(
        self, table: Table, policy_cache: PolicyCache, *, now_ms: Callable[[], int]
    ) -> None:
        self._table = table
        self._policy_cache = policy_cache
        self._windows = Windows(table)
        self._now_ms = now_ms

    def check(self, request: SpendRequest) -> CheckResult:
        """Preview what a reservation of the request would meet; nothing is held.

        One read unit per budget; where one is paused the policies are read afresh, as for a
        reservation. Raises TokenCapExceeded, UnknownRate, NoBudget, InvalidValue, Unavailable.
        """
        cached = self._check(request, fresh=False)
        is_paused = cached.refusal is not None and cached.refusal.names_a_pause
        return self._check(request, fresh=True) if is_paused else cached

    def _check(self, request: SpendRequest, *, fresh: bool) -> CheckResult:
        def claims_under(rules: Rules, now_ms: int) -> list[CounterClaim]:
            return counter_claims_of(request, rules, self._windows.period, now_ms)

        rules, read = self._balances(request.tenant_id, request.subjects, claims_under, fresh=fresh)
        whole = check_result_of((balance, claim.amount) for balance, claim in read)
        if whole.refusal is None:
            return replace(whole, granted=request)
        if isinstance(whole.refusal, BudgetExceeded):
            now_ms, rates = self._now_ms(), rules.tenant.rates
            name_what_fits(whole.refusal, request, rates, now_ms=now_ms)
            part = part_that_fits(request, whole.refusal, rates, now_ms=now_ms)
            return whole if part is None else _check_of_part(whole, part, rates, now_ms=now_ms)
        return whole

    def of_subjects(self, tenant_id: str, subjects: Sequence[Subject]) -> list[Balance]:
        """Read the balances of every budget that limits one of the subjects, in any unit.

        One read unit per budget. Raises Unavailable.
        """
        _, balances = self.under_rules(tenant_id, subjects)
        return balances

    def under_rules(
        self, tenant_id: str, subjects: Sequence[Subject]
    ) -> tuple[Rules, list[Balance]]:
        """Read the same balances with the rules that they were found by."""

        def claims_under(rules: Rules, now_ms: int) -> list[CounterClaim]:
            return [
                self._windows.counter_claim(tenant_id, budget, subject, version, now_ms=now_ms)
                for subject, budget, version in budgets_on(subjects, rules.policies)
            ]

        rules, read = self._balances(tenant_id, subjects, claims_under)
        return rules, [balance for balance, _ in read]

    def _balances(
        self,
        tenant_id: str,
        subjects: Sequence[Subject],
        claims_under: Callable[[Rules, int], list[CounterClaim]],
        *,
        fresh: bool = False,
    ) -> tuple[Rules, list[tuple[Balance, CounterClaim]]]:
        """Read the balances of claims; the policies again if a counter is ahead of them."""
        changing = "the budgets are being changed right now; try again"
        for attempt in attempts(POLICY_READS_MAX, exhausted=lambda: Throttled(changing)):
            rules = self._policy_cache.rules(tenant_id, subjects, fresh=fresh or attempt > 0)
            now_ms = self._now_ms()
            claims = claims_under(rules, now_ms)
            try:
                balances = read_balances(self._table, claims, now_ms=now_ms)
            except PolicyChanged:
                continue
            return rules, list(zip(balances, claims, strict=True))
        raise LoopEnded


def _check_of_part(
    whole: CheckResult, part: SpendRequest, rates: UnitRates, *, now_ms: int
) -> CheckResult:
    """Decide on a part of a request by the balances that refused the whole."""

    def counted(balance: Balance) -> Amount:
        unit = balance.budget.unit
        conversions = usable_conversions(part.amounts, rates.get(unit, {}), now_ms=now_ms)
        return counted_in(unit, part.amounts, conversions)

    result = check_result_of((balance, counted(balance)) for balance in whole.balances)
    return whole if result.refusal else replace(result, granted=part)
