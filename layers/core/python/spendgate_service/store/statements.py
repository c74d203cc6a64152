"""Statement items, in the partition of the counter whose period they close."""

import hashlib
from collections.abc import Iterator

from spendgate_service.domain.periods import period_of
from spendgate_service.domain.statements import Statement, StoredStatement
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.values import (
    Item,
    amount,
    number,
    read_amount,
    read_number,
    read_text,
    text,
)

STATEMENTS_OF_ONE_SUBJECT = "pk = :pk AND begins_with(sk, :statement)"

_ID_DIGITS = 26


def statements_in(table: Table, partition: str) -> Iterator[Item]:
    """Read all statements of a budget and subject consistently, by period and then by revision."""
    return table.query_items(
        KeyConditionExpression=STATEMENTS_OF_ONE_SUBJECT,
        ExpressionAttributeValues={
            ":pk": text(partition),
            ":statement": text(keys.STATEMENT_PREFIX),
        },
        ConsistentRead=True,
    )


def newest_statement(item: Item) -> StoredStatement:
    """Read a statement that has just been written, from its item alone."""
    statement, (partition, sort_key) = read_statement(item), keys.read_key(item)
    _, budget_id, subject = keys.read_counter_partition(partition)
    before = keys.statement_sort_key(statement.period, statement.revision - 1)
    return StoredStatement(
        statement_id=statement_id(partition, sort_key),
        corrects=statement_id(partition, before) if statement.revision > 1 else None,
        is_current=True,
        budget_id=budget_id,
        subject=subject,
        unit=read_text(item, "counted_in"),
        statement=statement,
    )


def statement_item(partition: str, unit: str | None, statement: Statement) -> Item:
    """Build a statement's item. `unit` is None if the budget was deleted before it was written."""
    sort_key = keys.statement_sort_key(statement.period, statement.revision)
    item = {
        "pk": text(partition),
        "sk": text(sort_key),
        "limit_amount": amount(statement.limit),
        "credits": amount(statement.credits),
        "carried_in": amount(statement.carried_in),
        "spent": amount(statement.spent),
        "held": amount(statement.held),
        "carried_out": amount(statement.carried_out),
        "closed_at_ms": number(statement.closed_at_ms),
    }
    return item if unit is None else {**item, "counted_in": text(unit)}


def read_statement(item: Item) -> Statement:
    """Read a statement from its item."""
    period_key, revision = keys.period_and_revision_of(item["sk"]["S"])
    return Statement(
        revision=revision,
        period=period_of(period_key),
        limit=read_amount(item["limit_amount"]),
        credits=read_amount(item["credits"]),
        carried_in=read_amount(item["carried_in"]),
        spent=read_amount(item["spent"]),
        held=read_amount(item["held"]),
        carried_out=read_amount(item["carried_out"]),
        closed_at_ms=read_number(item["closed_at_ms"]),
    )


def statement_id(partition: str, sort_key: str) -> str:
    """Derive a statement's id from its budget, subject, period and revision."""
    return f"stm_{hashlib.sha256(f'{partition}\n{sort_key}'.encode()).hexdigest()[:_ID_DIGITS]}"
