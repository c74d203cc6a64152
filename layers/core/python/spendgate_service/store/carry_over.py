"""Carry-over: what one period leaves goes into the next, with a ledger entry on each side.

An amount leaves one counter and enters another in the same transaction. Only where the next period
is a duration's that has not started yet, it waits in between (`store.windows`). A debt is a
negative amount.
"""

from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.ledger import entry_on
from spendgate_service.domain.periods import Period
from spendgate_service.domain.reservations import Provenance
from spendgate_service.store import counters
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.postings import Posting, writes_of_ledger


def carry_in(table_name: str, claim: CounterClaim, amount: Amount) -> dict[str, Any]:
    """Make the write on the counter that an amount enters; the counter may be absent."""
    update = counters.crediting(claim.creation, amount, change=counters.CARRIED_IN)
    return {"Update": {"TableName": table_name, "Key": claim.key, **update}}


def carry_between(
    table_name: str, left: CounterClaim, entered: CounterClaim, amount: Amount, *, now_ms: int
) -> list[dict[str, Any]]:
    """Make the writes that bring an amount from one counter's period into another's."""
    postings = [
        _carried_out(left, amount, to=entered.period.key, now_ms=now_ms),
        _carried_in(entered, amount, left=left.period, now_ms=now_ms),
    ]
    return [carry_in(table_name, entered, amount), *_puts(table_name, postings, now_ms)]


def carry_out_to_next_window(
    table_name: str, left: CounterClaim, amount: Amount, *, now_ms: int
) -> list[dict[str, Any]]:
    """Make the ledger's entry of an amount that waits until the next window starts."""
    posting = _carried_out(left, amount, to="the next window", now_ms=now_ms)
    return _puts(table_name, [posting], now_ms)


def carry_in_waiting(
    table_name: str, entered: CounterClaim, amount: Amount, *, left: Period, now_ms: int
) -> list[dict[str, Any]]:
    """Make the writes that bring an amount that waited into the window that starts."""
    posting = _carried_in(entered, amount, left=left, now_ms=now_ms)
    return [carry_in(table_name, entered, amount), *_puts(table_name, [posting], now_ms)]


def _puts(table_name: str, postings: list[Posting], now_ms: int) -> list[dict[str, Any]]:
    puts, _ = writes_of_ledger(table_name, postings, now_ms=now_ms)
    return puts


def _carried_in(claim: CounterClaim, amount: Amount, *, left: Period, now_ms: int) -> Posting:
    """The entry adds to what can be spent, so its amount is negative."""
    return _posting(claim, -amount, f"carried over from {left.key}", now_ms)


def _carried_out(claim: CounterClaim, amount: Amount, *, to: str, now_ms: int) -> Posting:
    return _posting(claim, amount, f"carried over to {to}", now_ms)


def _posting(claim: CounterClaim, amount: Amount, description: str, now_ms: int) -> Posting:
    provenance = Provenance(description=description)
    entry = entry_on(claim.line, amount, provenance, now_ms=now_ms, kind="carry_over")
    return Posting(claim.address, entry=entry)
