"""List open holds that an admin may have to release: the long and the extended ones, oldest first.

Shorter ones end by themselves. They are found by a sparse index, which a hold enters when it is
taken for longer than `store.reservations.LONG_HOLD_SECONDS` or extended, and leaves when it is
settled or released. So a hold that was taken or ended just now may be missing or still be found;
each one is read again, consistently.
"""

import re

from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.subjects import Subject
from spendgate_service.store.client import Table
from spendgate_service.store.paging import Page, PageRequest, cursor_after
from spendgate_service.store.reservations import OpenHoldRow, open_holds, read_open_holds

SCANNED_MAX = 1_000
"""With a filter a page looks at so many holds; a cursor leads on from there."""

_POSITION = re.compile(r"(\d{1,15}) (rsv_[0-9A-Za-z]+)")


def list_open_holds(
    table: Table,
    tenant_id: str,
    page_request: PageRequest,
    *,
    subject: Subject | None,
    older_than_seconds: int,
    now_ms: int,
) -> Page[Reservation]:
    """Read a page of open holds, oldest first; with a filter it may be short and go on.

    A query of the index and a batch of reads for each hundred. Raises InvalidValue for a foreign
    cursor.
    """
    position = page_request.position(_POSITION)
    after = OpenHoldRow(int(position[1]), position[2]) if position else None
    until_ms = now_ms - older_than_seconds * 1000
    found: list[Reservation] = []
    scanned, limit = 0, page_request.limit
    for rows in open_holds(table, tenant_id, until_ms=until_ms, after=after):
        for hold in read_open_holds(table, tenant_id, rows):
            is_open = hold.state == "held" and hold.expires_at_ms > now_ms
            if is_open and (subject is None or subject in hold.subjects):
                found.append(hold)
        if len(found) > limit:
            return page_request.page_of(found, _position_of)
        scanned += len(rows)
        if scanned >= SCANNED_MAX:
            return Page(tuple(found), cursor_after(rows[-1].position))
    return Page(tuple(found), None)


def _position_of(hold: Reservation) -> str:
    return OpenHoldRow(hold.created_at_ms, hold.reservation_id).position
