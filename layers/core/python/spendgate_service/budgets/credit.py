"""Credits: top-ups and refunds of the period in force, each once and with its ledger entry."""

from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.budgets.policy_change import attempt
from spendgate_service.budgets.read import find_budget
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, counted_subject
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.errors import BudgetChanged
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import expressions, values
from spendgate_service.store.claims import CounterClaim, policy_is_as_read
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_balances
from spendgate_service.store.errors import PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.postings import Posting, writes_of_ledger
from spendgate_service.store.windows import Windows

_TRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class Credit:
    """What is to be added to a budget; of a default, to the balance of `subject`."""

    budget_id: str
    subject: Subject | None
    amount: Amount
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Credited:
    """The ledger entry of a credit, and the balance as it was read before, with the credit."""

    entry: LedgerEntry
    balance: Balance


def apply_credit(
    table: Table,
    tenant_id: str,
    credit: Credit,
    *,
    once: IdempotencyRecord[Credited] | None,
    now_ms: int,
) -> Credited | Replay:
    """Add to what the period in force may spend; under an idempotency key once.

    One transaction: the counter (created if nobody has used it), the ledger entry, the mark of the
    key, and a check that the budget is still as it was read. Raises NotFound, InvalidValue,
    IdempotencyConflict, BudgetChanged.
    """
    assert credit.amount > 0
    replay = once.replay(table, now_ms=now_ms) if once else None
    if replay:
        return replay
    windows = Windows(table)
    subject = str(credit.subject)
    for _ in range(_TRIES_MAX):
        policy, budget = find_budget(table, tenant_id, credit.budget_id)
        try:
            target = _target(windows, tenant_id, budget, credit, policy.version, now_ms=now_ms)
            balance = read_balances(table, [target], now_ms=now_ms)[0]
        except PolicyChanged:
            continue
        subject = str(budget.subject)
        writes, credited = _writes(table, target, balance, credit, now_ms=now_ms)
        if once:
            writes.append(once.put(table, credited, now_ms=now_ms))
        objections = attempt(table, writes)
        if not objections:
            return credited
        replay = once.replay_of(objections[-1]) if once else None
        if replay:
            return replay
    raise BudgetChanged(subject)


def _target(
    windows: Windows, tenant_id: str, budget: Budget, credit: Credit, version: int, *, now_ms: int
) -> CounterClaim:
    """The counter of the period in force, which a credit uses as a reservation does."""
    counted = counted_subject(budget.subject, credit.subject, param="body.subject")
    looked_at = windows.target(tenant_id, budget, counted, version, now_ms=now_ms)
    return replace(looked_at, period=windows.use(tenant_id, looked_at.claim, now_ms))


def _writes(
    table: Table, target: CounterClaim, balance: Balance, credit: Credit, *, now_ms: int
) -> tuple[list[dict[str, Any]], Credited]:
    posting = Posting(target.address, entry=_entry(target, credit, now_ms))
    puts, (entry,) = writes_of_ledger(table.name, [posting], now_ms=now_ms)
    assert entry is not None
    topped_up = balance.counter.credited(credit.amount)
    writes = [
        policy_is_as_read(table.name, target),
        _top_up(table, target, credit.amount),
        *puts,
    ]
    return writes, Credited(entry, replace(balance, counter=topped_up))


def _entry(target: CounterClaim, credit: Credit, now_ms: int) -> LedgerEntry:
    """The entry; its id is given when it is written."""
    line, provenance = target.line, credit.provenance
    return LedgerEntry(
        entry_id="",
        budget_id=line.budget_id,
        subject=line.subject,
        period_key=line.period_key,
        unit=line.unit,
        amount=-credit.amount,
        created_at_ms=now_ms,
        meter_source=provenance.meter_source,
        ref_type=provenance.ref_type,
        ref_id=provenance.ref_id,
        description=provenance.description,
        kind="credit",
    )


def _top_up(table: Table, target: CounterClaim, amount: Amount) -> dict[str, Any]:
    has_end = target.period.ends_at is not None
    return {
        "Update": {
            "TableName": table.name,
            "Key": target.key,
            "UpdateExpression": expressions.CREDIT_IN_PERIOD if has_end else expressions.CREDIT,
            "ExpressionAttributeValues": {":change": values.amount(amount), **target.creation},
        }
    }
