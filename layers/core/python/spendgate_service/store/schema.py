"""The schema item: which form the items of this table have.

`SCHEMA` increases with every change that another version of the service would read wrongly. The
commands write the item when they first use a table, and so does the admin function where it is
absent. There are no migrations: a table of another schema is refused.
"""

from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed, WrongSchema
from spendgate_service.store.values import Item, key, number, read_number

SCHEMA = 1


def stored_schema(table: Table) -> int | None:
    """Read the schema of a table; None if it has no schema item."""
    return _read(table.get(key(keys.SCHEMA_KEY)))


def require_schema(table: Table, *, create: bool) -> None:
    """Refuse a table of another schema: one read. Raises WrongSchema.

    Without a schema item the table is new: `create` writes the item.
    """
    found = stored_schema(table)
    if found is None and create:
        found = _create(table)
    if found not in {None, SCHEMA}:
        raise WrongSchema(found=found, needed=SCHEMA)


def _create(table: Table) -> int | None:
    item = {**key(keys.SCHEMA_KEY), "version": number(SCHEMA)}
    try:
        table.put(
            item,
            ConditionExpression=keys.IS_NEW,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        return _read(failed.item)
    return SCHEMA


def _read(item: Item | None) -> int | None:
    return None if item is None else read_number(item["version"])
