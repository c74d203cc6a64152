"""Looking without touching: what a request would meet, what was spent, what became of a hold."""

from collections.abc import Callable, Sequence

from spendgate.domain.budgets import budgets_on
from spendgate.domain.counters import Balance
from spendgate.domain.decisions import Outlook, outlook_of
from spendgate.domain.errors import BudgetPaused, NotFound
from spendgate.domain.requests import SpendRequest
from spendgate.domain.reservations import Reservation
from spendgate.domain.subjects import Subject
from spendgate.store import items, keys
from spendgate.store.codec.reservations import read_reservation
from spendgate.store.counters import read_balances
from spendgate.store.errors import PolicyChanged, Throttled
from spendgate.store.rules import RULE_READS_MAX, RuleBook, Rules
from spendgate.store.table import Table
from spendgate.store.targets import Target, targets_of
from spendgate.store.windows import Windows


def find_reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation:
    """A reservation as it is now. Raises NotFound."""
    item = table.get(items.key(keys.reservation_key(tenant_id, reservation_id)))
    if item is None:
        raise NotFound("reservation", reservation_id)
    return read_reservation(reservation_id, item)


class Balances:
    """Balances of one table; `now_ms` is the clock. Nothing here writes."""

    def __init__(self, table: Table, rule_book: RuleBook, *, now_ms: Callable[[], int]) -> None:
        self._table = table
        self._rule_book = rule_book
        self._windows = Windows(table)
        self._now_ms = now_ms

    def check(self, request: SpendRequest) -> Outlook:
        """What a reservation of the request would meet; nothing is held.

        One read unit per budget; where one is paused the rules are read afresh, as for a
        reservation. Raises TokenCapExceeded, UnknownRate, NoBudget, InvalidValue, Unavailable.
        """

        def targets(rules: Rules, now_ms: int) -> list[Target]:
            return targets_of(request, rules, self._windows.period, now_ms)

        def outlook(*, fresh: bool) -> Outlook:
            read = self._balances(request.tenant_id, request.subjects, targets, fresh=fresh)
            return outlook_of((balance, target.claim.amount) for balance, target in read)

        first = outlook(fresh=False)
        return outlook(fresh=True) if isinstance(first.refusal, BudgetPaused) else first

    def of_subjects(self, tenant_id: str, subjects: Sequence[Subject]) -> list[Balance]:
        """The balances of every budget that limits one of the subjects, in any unit.

        One read unit per budget. Raises Unavailable.
        """

        def targets(rules: Rules, now_ms: int) -> list[Target]:
            return [
                self._windows.target(tenant_id, budget, subject, version, now_ms=now_ms)
                for subject, budget, version in budgets_on(subjects, rules.policies)
            ]

        return [balance for balance, _ in self._balances(tenant_id, subjects, targets)]

    def _balances(
        self,
        tenant_id: str,
        subjects: Sequence[Subject],
        targets_under: Callable[[Rules, int], list[Target]],
        *,
        fresh: bool = False,
    ) -> list[tuple[Balance, Target]]:
        """The balances of the targets; the rules are read afresh if a counter knows better."""
        for attempt in range(RULE_READS_MAX):
            rules = self._rule_book.rules(tenant_id, subjects, fresh=fresh or attempt > 0)
            now_ms = self._now_ms()
            targets = targets_under(rules, now_ms)
            try:
                balances = read_balances(self._table, targets, now_ms=now_ms)
            except PolicyChanged:
                continue
            return list(zip(balances, targets, strict=True))
        raise Throttled("the budgets are being changed right now; try again")
