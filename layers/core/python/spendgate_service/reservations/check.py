"""Looking without touching: what a request would meet, what was spent, what became of a hold."""

from collections.abc import Callable, Sequence

from spendgate_service.domain.budgets import budgets_on
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.decisions import CheckResult, check_result_of
from spendgate_service.domain.errors import BudgetPaused, NotFound
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.claims import CounterClaim, counter_claims_of
from spendgate_service.store.client import Table
from spendgate_service.store.codec.reservations import read_reservation
from spendgate_service.store.counters import read_balances
from spendgate_service.store.errors import PolicyChanged, Throttled
from spendgate_service.store.policy_cache import RULE_READS_MAX, PolicyCache, Rules
from spendgate_service.store.windows import Windows


def find_reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation:
    """A reservation as it is now. Raises NotFound."""
    item = table.get(values.key(keys.reservation_key(tenant_id, reservation_id)))
    if item is None:
        raise NotFound("reservation", reservation_id)
    return read_reservation(reservation_id, item)


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
        """What a reservation of the request would meet; nothing is held.

        One read unit per budget; where one is paused the rules are read afresh, as for a
        reservation. Raises TokenCapExceeded, UnknownRate, NoBudget, InvalidValue, Unavailable.
        """

        def targets(rules: Rules, now_ms: int) -> list[CounterClaim]:
            return counter_claims_of(request, rules, self._windows.period, now_ms)

        def outlook(*, fresh: bool) -> CheckResult:
            read = self._balances(request.tenant_id, request.subjects, targets, fresh=fresh)
            return check_result_of((balance, target.claim.amount) for balance, target in read)

        first = outlook(fresh=False)
        return outlook(fresh=True) if isinstance(first.refusal, BudgetPaused) else first

    def of_subjects(self, tenant_id: str, subjects: Sequence[Subject]) -> list[Balance]:
        """The balances of every budget that limits one of the subjects, in any unit.

        One read unit per budget. Raises Unavailable.
        """

        def targets(rules: Rules, now_ms: int) -> list[CounterClaim]:
            return [
                self._windows.target(tenant_id, budget, subject, version, now_ms=now_ms)
                for subject, budget, version in budgets_on(subjects, rules.policies)
            ]

        return [balance for balance, _ in self._balances(tenant_id, subjects, targets)]

    def _balances(
        self,
        tenant_id: str,
        subjects: Sequence[Subject],
        targets_under: Callable[[Rules, int], list[CounterClaim]],
        *,
        fresh: bool = False,
    ) -> list[tuple[Balance, CounterClaim]]:
        """The balances of the targets; the rules are read afresh if a counter knows better."""
        for attempt in range(RULE_READS_MAX):
            rules = self._policy_cache.rules(tenant_id, subjects, fresh=fresh or attempt > 0)
            now_ms = self._now_ms()
            targets = targets_under(rules, now_ms)
            try:
                balances = read_balances(self._table, targets, now_ms=now_ms)
            except PolicyChanged:
                continue
            return list(zip(balances, targets, strict=True))
        raise Throttled("the budgets are being changed right now; try again")
