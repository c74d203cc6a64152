"""Statements as items, beside the counter of the period that they are about."""

import hashlib

from spendgate_service.domain.period_keys import period_of
from spendgate_service.domain.statements import Statement
from spendgate_service.store import keys
from spendgate_service.store.errors import Item
from spendgate_service.store.values import amount, number, read_amount, read_number, text

_ID_DIGITS = 26


def statement_item(partition: str, unit: str | None, statement: Statement) -> Item:
    """A statement as an item. `unit` is None where the budget was deleted before it was written."""
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
    """A statement out of its item."""
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
    """The id of a statement: it follows from the budget, the subject, the period, the revision."""
    return f"stm_{hashlib.sha256(f'{partition}\n{sort_key}'.encode()).hexdigest()[:_ID_DIGITS]}"
