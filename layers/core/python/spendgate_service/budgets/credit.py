"""Credit a budget: a top-up or refund of its current period, applied once, with a ledger entry."""

from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.budgets.policy_writes import try_to_write
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, counted_subject
from spendgate_service.domain.errors import BudgetChanged
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import counters
from spendgate_service.store.claims import CounterClaim, policy_is_as_read, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.policies import find_budget
from spendgate_service.store.postings import Posting, writes_of_ledger
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows
from spendgate_service.wire.credits import credit_response
from spendgate_service.wire.values import json_text


@dataclass(frozen=True, slots=True)
class Credit:
    """An amount to add to a budget; for a default, to the balance of `subject`."""

    budget_id: str
    subject: Subject | None
    amount: Amount
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Credited:
    """The ledger entry of a credit, and the balance with it, from the last read before it."""

    entry: LedgerEntry
    balance: Balance


def apply_credit(
    table: Table,
    tenant_id: str,
    credit: Credit,
    *,
    idempotency: IdempotencyRecord | None,
    now_ms: int,
) -> Credited | Replay:
    """Increase what the current period may spend, once under an idempotency key.

    One transaction: the counter (created by its first use), the ledger entry, the idempotency
    record, and a check that the policy is as it was read. Raises NotFound, InvalidValue,
    IdempotencyConflict, BudgetChanged.
    """
    assert credit.amount > 0
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    windows = Windows(table)
    subject = str(credit.subject)
    for _ in attempts(
        CHANGE_TRIES_MAX,
        exhausted=lambda: BudgetChanged(subject),  # noqa: B023 (the last one that was read)
    ):
        policy, budget = find_budget(table, tenant_id, credit.budget_id)
        try:
            claim = _claim_on(windows, tenant_id, budget, credit, policy.version, now_ms=now_ms)
            balance = read_balances(table, [claim], now_ms=now_ms)[0]
        except PolicyChanged:
            continue
        subject = str(budget.subject)
        writes, credited = _writes(table, claim, balance, credit, now_ms=now_ms)
        if idempotency:
            response = json_text(credit_response(credited.entry, credited.balance))
            writes.append(idempotency.put(table, response, now_ms=now_ms))
        objections = try_to_write(table, writes)
        if not objections:
            return credited
        replay = idempotency.replay_of(objections[-1]) if idempotency else None
        if replay:
            return replay
    raise LoopEnded


def _claim_on(
    windows: Windows, tenant_id: str, budget: Budget, credit: Credit, version: int, *, now_ms: int
) -> CounterClaim:
    """Claim the counter of the current period, and start its window as a reservation does."""
    counted = counted_subject(budget.subject, credit.subject, param="body.subject")
    claimed = windows.counter_claim(tenant_id, budget, counted, version, now_ms=now_ms)
    return replace(claimed, period=windows.use(tenant_id, claimed.claim, now_ms))


def _writes(
    table: Table, claim: CounterClaim, balance: Balance, credit: Credit, *, now_ms: int
) -> tuple[list[dict[str, Any]], Credited]:
    posting = Posting(claim.address, entry=_entry(claim, credit, now_ms))
    puts, (entry,) = writes_of_ledger(table.name, [posting], now_ms=now_ms)
    assert entry is not None
    topped_up = balance.counter.credited(credit.amount)
    writes = [
        policy_is_as_read(table.name, claim),
        _top_up(table, claim, credit.amount),
        *puts,
    ]
    return writes, Credited(entry, replace(balance, counter=topped_up))


def _entry(claim: CounterClaim, credit: Credit, now_ms: int) -> LedgerEntry:
    """Build the entry; it gets its id when it is written."""
    line, provenance = claim.line, credit.provenance
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


def _top_up(table: Table, claim: CounterClaim, amount: Amount) -> dict[str, Any]:
    update = counters.crediting(claim.creation, amount)
    return {"Update": {"TableName": table.name, "Key": claim.key, **update}}
