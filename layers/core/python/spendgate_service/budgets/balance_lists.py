"""List balances: of every subject under a default, and of all budgets of a tenant.

The subjects of a default are found by the index of its counters, at the keys of the period that is
current. So a subject that has used nothing in it is not listed, and one that was created just now
may be missing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched, islice

from spendgate_service.budgets.balances import claim_of_nothing, current_counters
from spendgate_service.budgets.read import locate, with_unchanged_policies
from spendgate_service.domain.balances import Balance, BalanceStatus
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store.claims import read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import Row
from spendgate_service.store.listings import live_budgets
from spendgate_service.store.paging import Page, PageRequest, cursor_after
from spendgate_service.store.policies import Located, find_budget
from spendgate_service.store.windows import Windows

SORTED_MAX = 2_000
"""So many balances are sorted for one response: some 20 reads in batches."""

SCANNED_MAX = 500
"""With a filter a page looks at so many balances; a cursor leads on from there."""

_AT_A_TIME = 100
_PLACE = re.compile(r"(bud_[0-9a-z]{26}) (\S+) (.+)", re.DOTALL)
_RANK = re.compile(r"(-?\d+) (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Place:
    """A budget's counter for one subject in the current period."""

    located: Located
    row: Row

    @property
    def position(self) -> str:
        """Where it stands in a list."""
        period_key, subject = self.row
        return f"{self.located[1].budget_id} {period_key} {subject}"


def list_balances(
    table: Table,
    tenant_id: str,
    budget_id: str,
    page_request: PageRequest,
    *,
    status: BalanceStatus | None,
    now_ms: int,
) -> Page[Balance]:
    """Read a page of the balances of one budget. Raises NotFound and InvalidValue."""
    position = page_request.position(_PLACE)
    after = (position[2], parse_subject(position[3])) if position else None

    def read() -> Page[Balance]:
        located = find_budget(table, tenant_id, budget_id)
        places = _places(table, tenant_id, located, after, now_ms=now_ms)
        return _page_of(table, tenant_id, places, page_request, status, now_ms=now_ms)

    return with_unchanged_policies(read)


def list_balances_by_utilization(
    table: Table,
    tenant_id: str,
    budget_id: str,
    page_request: PageRequest,
    *,
    status: BalanceStatus | None,
    now_ms: int,
) -> Page[Balance]:
    """Read a page of the balances of one budget, the highest utilization first.

    It reads all of them for each page. Raises NotFound, and InvalidValue if there are too many.
    """
    position = page_request.position(_RANK)
    after = (-int(position[1]), position[2]) if position else None

    def read() -> list[Balance]:
        located = find_budget(table, tenant_id, budget_id)
        places = list(_places(table, tenant_id, located, None, now_ms=now_ms, at_most=SORTED_MAX))
        return list(_balances(table, tenant_id, places, now_ms=now_ms))

    wanted = sorted(
        (balance for balance in with_unchanged_policies(read) if status in {None, balance.status}),
        key=_rank,
    )
    rest = [balance for balance in wanted if after is None or _rank(balance) > after]
    return page_request.page_of(
        rest, lambda balance: f"{balance.utilization_tenths_pct} {balance.subject}"
    )


def list_tenants_balances(
    table: Table,
    tenant_id: str,
    page_request: PageRequest,
    *,
    status: BalanceStatus | None,
    now_ms: int,
) -> Page[Balance]:
    """Read a page of the balances of all budgets of a tenant, budget by budget.

    Two reads per page of budgets, one per default, and those of the balances. Raises InvalidValue
    for a foreign cursor.
    """
    position = page_request.position(_PLACE)

    def places() -> Iterator[_Place]:
        if position:
            after = position[2], parse_subject(position[3])
            yield from _places_of(table, tenant_id, position[1], after, now_ms=now_ms)
        following = live_budgets(
            table,
            tenant_id,
            after=position[1] if position else None,
            at_a_time=page_request.limit + 1,
        )
        for together in batched(following, page_request.limit + 1, strict=False):
            for located in locate(table, tenant_id, together):
                yield from _places(table, tenant_id, located, None, now_ms=now_ms)

    return with_unchanged_policies(
        lambda: _page_of(table, tenant_id, places(), page_request, status, now_ms=now_ms)
    )


def _rank(balance: Balance) -> tuple[int, str]:
    return -balance.utilization_tenths_pct, str(balance.subject)


def _places_of(
    table: Table, tenant_id: str, budget_id: str, after: Row | None, *, now_ms: int
) -> Iterator[_Place]:
    """Yield the places of a budget that may have been deleted meanwhile."""
    try:
        located = find_budget(table, tenant_id, budget_id)
    except NotFound:
        return
    yield from _places(table, tenant_id, located, after, now_ms=now_ms)


def _places(
    table: Table,
    tenant_id: str,
    located: Located,
    after: Row | None,
    *,
    now_ms: int,
    at_most: int | None = None,
) -> Iterator[_Place]:
    """Yield the counters of the current period after a row of the list."""
    policy, budget = located
    if not budget.subject.is_default:
        if after is None:
            claim = Windows(table).counter_claim(
                tenant_id, budget, budget.subject, policy.version, now_ms=now_ms
            )
            yield _Place(located, (claim.period.key, budget.subject))
        return
    rows = current_counters(table, tenant_id, budget, after=after, now_ms=now_ms)
    for count, row in enumerate(rows):
        if count == at_most:
            raise InvalidValue(
                f"query.sort: at most {at_most} balances can be sorted; leave it out",
                param="query.sort",
            )
        yield _Place(located, row)


def _page_of(
    table: Table,
    tenant_id: str,
    places: Iterator[_Place],
    page_request: PageRequest,
    status: BalanceStatus | None,
    *,
    now_ms: int,
) -> Page[Balance]:
    limit = page_request.limit
    if status is None:
        page = page_request.page_of(list(islice(places, limit + 1)), lambda place: place.position)
        return Page(tuple(_balances(table, tenant_id, page.data, now_ms=now_ms)), page.next_cursor)
    found: list[tuple[_Place, Balance]] = []
    for scanned, chunk in enumerate(batched(places, _AT_A_TIME, strict=False), start=1):
        balances = _balances(table, tenant_id, chunk, now_ms=now_ms)
        found += [
            (place, balance)
            for place, balance in zip(chunk, balances, strict=True)
            if status == balance.status
        ]
        if len(found) > limit:
            position = found[limit - 1][0].position
            return Page(tuple(balance for _, balance in found[:limit]), cursor_after(position))
        if scanned * _AT_A_TIME >= SCANNED_MAX:
            page_end = cursor_after(chunk[-1].position)
            return Page(tuple(balance for _, balance in found), page_end)
    return Page(tuple(balance for _, balance in found), None)


def _balances(
    table: Table, tenant_id: str, places: Sequence[_Place], *, now_ms: int
) -> list[Balance]:
    claims = [claim_of_nothing(tenant_id, place.located, place.row) for place in places]
    return read_balances(table, claims, now_ms=now_ms)
