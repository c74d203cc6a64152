"""Reads balances, ledgers and audits through the API after the replay."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from local.demo.client import Client
from local.demo.record import CounterName
from local.demo.tenant import DemoBudget

_READERS = 4


@dataclass(frozen=True, slots=True)
class Balance:
    """A counter's balances in the current period."""

    counter: CounterName
    unit: str
    limit: Decimal
    spent: Decimal
    held: Decimal
    overrun: Decimal


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A ledger entry: the cost of a reservation on a counter."""

    counter: CounterName
    reservation_id: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BudgetAudit:
    """The service's own comparison of a budget's counters with its ledger."""

    budget_id: str
    counters: int
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reservation ended, according to the service."""

    state: str
    late: bool
    overrun: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that was read."""

    balances: tuple[Balance, ...]
    ledger: tuple[LedgerLine, ...]
    audits: tuple[BudgetAudit, ...]
    endings: Mapping[str, Ending]


USAGE_GROUPS = ("agent", "model")
"""By what the demo shows the usage log at its end."""

type Usage = Mapping[str, Mapping[str, Mapping[str, Decimal]]]
"""What the usage log says was spent: by group, then by the group's value, then by unit."""


def usage_of(admin: Client) -> Usage:
    """Read the totals of the usage log, by each group."""
    return {group: _totals(admin, group) for group in USAGE_GROUPS}


def _totals(admin: Client, group: str) -> dict[str, dict[str, Decimal]]:
    pages = admin.pages("/v1/usage", group_by=group)
    return {
        str(row["group"][group]): {unit: Decimal(text) for unit, text in row["amounts"].items()}
        for page in pages
        for row in page["data"]
    }


def observe(
    admin: Client,
    budgets: Sequence[DemoBudget],
    subjects: Sequence[tuple[str, str]],
    reservation_ids: Sequence[str],
) -> Observed:
    """Read the balance and ledger of every budget and subject, the audits, some reservations."""
    with ThreadPoolExecutor(_READERS) as readers:
        balances = readers.map(lambda counter: _balance(admin, *counter), subjects)
        ledgers = readers.map(lambda counter: _ledger(admin, *counter), subjects)
        audits = readers.map(lambda budget: _audit(admin, budget.budget_id), budgets)
        endings = readers.map(partial(_ending, admin), reservation_ids)
        return Observed(
            balances=tuple(balances),
            ledger=tuple(line for lines in ledgers for line in lines),
            audits=tuple(audits),
            endings=dict(zip(reservation_ids, endings, strict=True)),
        )


def _balance(admin: Client, budget_id: str, subject: str) -> Balance:
    found = admin.get(f"/v1/budgets/{budget_id}/balance", subject=subject)
    return Balance(
        counter=CounterName(budget_id, found["subject"], found["period"]["key"]),
        unit=found["unit"],
        limit=Decimal(found["limit"]),
        spent=Decimal(found["spent"]),
        held=Decimal(found["held"]),
        overrun=Decimal(found["overrun"]),
    )


def _ledger(admin: Client, budget_id: str, subject: str) -> list[LedgerLine]:
    pages = admin.pages(f"/v1/budgets/{budget_id}/ledger", subject=subject)
    return [_line(entry) for page in pages for entry in page["data"]]


def _line(entry: dict[str, Any]) -> LedgerLine:
    return LedgerLine(
        counter=CounterName(entry["budget_id"], entry["subject"], entry["period_key"]),
        reservation_id=entry["reservation_id"],
        amount=Decimal(entry["amount"]),
    )


def _ending(admin: Client, reservation_id: str) -> Ending:
    found = admin.get(f"/v1/reservations/{reservation_id}")
    return Ending(found["state"], found["late"], found["overrun"])


def _audit(admin: Client, budget_id: str) -> BudgetAudit:
    pages = list(admin.pages(f"/v1/budgets/{budget_id}/audit"))
    return BudgetAudit(
        budget_id=budget_id,
        counters=sum(page["counters"] for page in pages),
        differences=tuple(
            _difference(difference) for page in pages for difference in page["differences"]
        ),
    )


def _difference(found: dict[str, str]) -> str:
    """Describe a difference: `agent:a 2026-01: expected 3 spent, found 4`."""
    counter, balance = f"{found['subject']} {found['period_key']}", found["balance"]
    return f"{counter}: expected {found['expected']} {balance}, found {found['found']}"
