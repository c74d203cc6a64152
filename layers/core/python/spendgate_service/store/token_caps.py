"""The list of a tenant's token caps: one item per cap, written with the policy that has it."""

import re
from typing import Any

from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.listings import listed
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.policies import cap_fields, read_cap

type CapOf = tuple[Subject, TokenCap]

_POSITION = re.compile(r".+#[0-9a-f]{32}", re.DOTALL)


def write_of_cap(
    table: Table, tenant_id: str, subject: Subject, cap: TokenCap | None
) -> dict[str, Any]:
    """Build the write that lists a cap as it is now, or takes it off the list."""
    key = values.key(keys.token_cap_key(tenant_id, subject))
    if cap is None:
        return {"Delete": {"TableName": table.name, "Key": key}}
    item = {
        **key,
        "subject": values.text(str(subject)),
        "token_cap": {"M": cap_fields(cap)},
    }
    return {"Put": {"TableName": table.name, "Item": item}}


def list_caps(table: Table, tenant_id: str, page_request: PageRequest) -> Page[CapOf]:
    """Read a page of the caps, by subject. Raises InvalidValue for a foreign cursor."""
    partition = keys.token_caps_partition(tenant_id)
    rows = listed(table, partition, page_request, pattern=_POSITION)
    page = page_request.page_of(rows, lambda row: str(row["sk"]["S"]))
    caps = ((parse_subject(row["subject"]["S"]), read_cap(row)) for row in page.data)
    return Page(tuple((subject, cap) for subject, cap in caps if cap), page.next_cursor)
