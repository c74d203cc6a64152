"""Statements as items, beside the counter of the period that they are about."""

import hashlib

from spendgate.domain.statements import Statement
from spendgate.store import keys
from spendgate.store.errors import Item
from spendgate.store.items import amount, number, read_amount, read_number, text

_ID_DIGITS = 26


def statement_item(counter_item: Item, statement: Statement) -> Item:
    """The statement of a counter's period, as an item."""
    period_key = counter_item["sk"]["S"].removeprefix(keys.PERIOD_PREFIX)
    return {
        "pk": counter_item["pk"],
        "sk": text(keys.statement_sort_key(statement.ends_at, period_key)),
        "limit_amount": amount(statement.limit),
        "entitlement": amount(statement.entitlement),
        "spent": amount(statement.spent),
        "overrun": amount(statement.overrun),
        "starts_at": number(statement.starts_at),
        "ends_at": number(statement.ends_at),
        "closed_at_ms": number(statement.closed_at_ms),
    }


def read_statement(item: Item) -> Statement:
    """A statement out of its item."""
    return Statement(
        limit=read_amount(item["limit_amount"]),
        entitlement=read_amount(item["entitlement"]),
        spent=read_amount(item["spent"]),
        overrun=read_amount(item["overrun"]),
        starts_at=read_number(item["starts_at"]),
        ends_at=read_number(item["ends_at"]),
        closed_at_ms=read_number(item["closed_at_ms"]),
    )


def statement_id(item: Item) -> str:
    """The id of a statement: it follows from the budget, the subject and the period."""
    named = f"{item['pk']['S']}\n{item['sk']['S']}"
    return f"stm_{hashlib.sha256(named.encode()).hexdigest()[:_ID_DIGITS]}"


def period_key_of(item: Item) -> str:
    """Of which period an item is the statement."""
    sort_key: str = item["sk"]["S"]
    return sort_key.removeprefix(keys.STATEMENT_PREFIX).partition("#")[2]
