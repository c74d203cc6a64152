"""Read refusals, newest first, folded over environments by minute, budget, subject and code."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice

from spendgate_service.domain.refusals import Refusals
from spendgate_service.store.client import Table
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.refusals import refusals_of_day

_POSITION = re.compile(
    r"(?P<minute>\d{1,12}) (?P<rest>bud_[0-9a-z]{26} [a-z_]{1,40} .+)", re.DOTALL
)
_DAY = 86_400


def refusals_page(
    table: Table,
    tenant_id: str,
    page_request: PageRequest,
    *,
    first: int,
    last: int,
    subject: str | None,
) -> Page[Refusals]:
    """Read a page of the refusals between two minutes. Raises InvalidValue for a foreign cursor.

    A cursor whose minute lies before the first one has no rest: the clock has moved on.
    """
    position = page_request.position(_POSITION)
    if position:
        last = min(last, int(position["minute"]))
    if last < first:
        return Page((), None)
    found = (
        refusals
        for refusals in _folded(_read(table, tenant_id, first, last))
        if subject in {None, refusals.subject}
        and (
            position is None
            or refusals.minute != int(position["minute"])
            or _rest(refusals) > position["rest"]
        )
    )
    return page_request.page_of(list(islice(found, page_request.limit + 1)), _position_of)


def _read(table: Table, tenant_id: str, first: int, last: int) -> Iterator[Refusals]:
    for day in range(last // _DAY, first // _DAY - 1, -1):
        yield from refusals_of_day(table, tenant_id, day, first=first, last=last)


def _folded(found: Iterable[Refusals]) -> Iterator[Refusals]:
    """Add up what the environments have written in each minute."""
    for _, of_minute in groupby(found, key=lambda refusals: refusals.minute):
        folded: dict[str, Refusals] = {}
        for refusals in of_minute:
            before = folded.get(_rest(refusals))
            folded[_rest(refusals)] = _sum(before, refusals) if before else refusals
        yield from (folded[key] for key in sorted(folded))


def _sum(one: Refusals, other: Refusals) -> Refusals:
    return other.after(one) if other.last_at_ms > one.last_at_ms else one.after(other)


def _rest(refusals: Refusals) -> str:
    return f"{refusals.budget_id} {refusals.code} {refusals.subject}"


def _position_of(refusals: Refusals) -> str:
    return f"{refusals.minute} {_rest(refusals)}"
