"""Balances as rows of a table."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from spendgate.cli import values
from spendgate.cli.printing import Column, terminal_width

if TYPE_CHECKING:
    from spendgate import models

WIDE = 110
"""How many columns a terminal has that has room for ids and details."""
WIDEST = 140
"""The same, with long bars."""

_STYLES = {
    "active": "green",
    "warning": "yellow",
    "paused": "magenta",
    "exhausted": "red",
    "disabled": "dim",
}


def style_of(status: str) -> str:
    """The colour of a status, beside its word."""
    return _STYLES.get(status, "")


def entitlement(balance: models.Balance) -> Decimal:
    """What may be spent in the period in all."""
    return balance.limit + balance.credits + balance.carried_in


def left_of(balance: models.Balance) -> Decimal:
    """The share of what may be spent in the period that is still available."""
    return (
        values.share(balance.available, entitlement(balance))
        if entitlement(balance)
        else Decimal(0)
    )


def bar_width() -> int:
    """How wide a bar is on this terminal."""
    return values.BAR_WIDTH if terminal_width() >= WIDEST else values.BAR_WIDTH // 2


def bar_of(balance: models.Balance | None) -> str:
    """What is spent and held of the entitlement, as a bar."""
    if balance is None:
        return "one per subject"
    whole = entitlement(balance)
    spent = values.share(balance.spent, whole)
    held = values.share(balance.held, whole)
    return f"{values.bar(spent, held, width=bar_width())} {values.percent(spent)}"


COLUMNS = (
    Column("budget_id", lambda balance: balance.budget_id, from_width=WIDEST),
    Column("subject", lambda balance: balance.subject, wraps=True),
    Column("unit", lambda balance: balance.unit),
    Column("spent", lambda balance: balance.spent, is_number=True),
    Column("held", lambda balance: balance.held, is_number=True),
    Column("available", lambda balance: balance.available, is_number=True),
    Column("limit", lambda balance: balance.limit, is_number=True, from_width=WIDE),
    Column(
        "status", lambda balance: balance.status, style=lambda balance: style_of(balance.status)
    ),
    Column(
        "resets_in",
        lambda balance: values.until(balance.resets_in_seconds),
        for_people=True,
        from_width=WIDE,
    ),
    Column("used", bar_of, for_people=True),
)
