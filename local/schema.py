"""Refuses a local table that another version of Spendgate wrote."""

from typing import cast

from local.console import LocalStackError
from local.emulator.account import aws_client
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.schema import SCHEMA, require_schema, stored_schema


def require_current_state(aws_endpoint_url: str, table_name: str) -> None:
    """Refuse items of another schema in the local table; mark an empty table as of this one.

    Raises LocalStackError.
    """
    client = cast("DynamoClient", aws_client("dynamodb", aws_endpoint_url))
    require_current_schema(Table(client, table_name))


def require_current_schema(table: Table) -> None:
    """Refuse items of another schema, also of a version that did not write the schema item."""
    found = stored_schema(table)
    if found is None and not table.scan(Limit=1)["Items"]:
        require_schema(table, create=True)
        return
    if found != SCHEMA:
        form = "no schema item" if found is None else f"the schema {found}"
        raise LocalStackError(
            f"The local table is of another version: it has {form}, and this version needs the "
            f"schema {SCHEMA}. Delete the local state with: make clean"
        )
