"""Read the change log of a tenant, newest first."""

import json
import re
from typing import cast

from spendgate_service.store.changes import ChangeFilter, read_changes
from spendgate_service.store.client import Table
from spendgate_service.store.paging import Page, PageRequest, cursor_after
from spendgate_service.wire.changes import ChangeResponse

_CHANGE_ID = re.compile(r"chg_[0-9a-z]{26}")


def list_changes(
    table: Table, tenant_id: str, wanted: ChangeFilter, page_request: PageRequest
) -> Page[ChangeResponse]:
    """Read a page; with a filter it may have fewer entries than the limit, and a next cursor.

    Raises InvalidValue for a foreign cursor.
    """
    position = page_request.position(_CHANGE_ID)
    found, rest_after = read_changes(
        table,
        tenant_id,
        wanted,
        after=None if position is None else position[0],
        limit=page_request.limit,
    )
    entries = tuple(cast("ChangeResponse", json.loads(entry)) for entry in found)
    return Page(entries, None if rest_after is None else cursor_after(rest_after))
