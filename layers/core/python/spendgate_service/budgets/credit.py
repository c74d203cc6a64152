"""Credit a budget: a top-up, refund or correction of its current period, with a ledger entry.

A correction is a negative credit. It takes at most what is available, as a hold does, and is
decided inside the transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.budgets.policy_writes import try_to_write
from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, counted_subject
from spendgate_service.domain.counters import freshness
from spendgate_service.domain.errors import BudgetChanged, InvalidValue
from spendgate_service.domain.ledger import LedgerEntry, entry_on
from spendgate_service.domain.preconditions import UNCONDITIONAL, Precondition
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.thresholds import levels_to_arm
from spendgate_service.store import counters, holds, values
from spendgate_service.store.claims import CounterClaim, catch_up, policy_is_as_read, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Objection, PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.policies import find_budget
from spendgate_service.store.postings import Posting, writes_of_ledger
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows
from spendgate_service.wire.credits import credit_response
from spendgate_service.wire.values import json_text

_TOP_UP = 1
"""The place of the counter's write in the transaction, after the check of the policy."""


@dataclass(frozen=True, slots=True)
class Credit:
    """An amount to add to a budget; for a default, to the balance of `subject`.

    A negative amount is a correction.
    """

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
    precondition: Precondition = UNCONDITIONAL,
    now_ms: int,
) -> Credited | Replay:
    """Change what the current period may spend, once under an idempotency key.

    One transaction: the counter (created by its first use), the ledger entry, the idempotency
    record, and a check that the policy is as it was read. Raises NotFound, InvalidValue,
    IdempotencyConflict, VersionMismatch, BudgetChanged.
    """
    assert credit.amount
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
        precondition.check(f"the budget {credit.budget_id}", budget.tag)
        try:
            claim = _claim_on(windows, tenant_id, budget, credit, policy.version, now_ms=now_ms)
            balance = read_balances(table, [claim], now_ms=now_ms)[0]
            _check_available(balance, credit)
            period = windows.use(tenant_id, claim.claim, now_ms)
        except PolicyChanged:
            continue
        subject = str(budget.subject)
        writes, credited = _writes(
            table, replace(claim, period=period), balance, credit, now_ms=now_ms
        )
        if idempotency:
            response = json_text(credit_response(credited.entry, credited.balance))
            writes.append(idempotency.put(table, response, now_ms=now_ms))
        objections = try_to_write(table, writes)
        if not objections:
            return credited
        replay = idempotency.replay_of(objections[-1]) if idempotency else None
        if replay:
            return replay
        _make_room(table, claim, objections[_TOP_UP], now_ms=now_ms)
    raise LoopEnded


def _check_available(balance: Balance, credit: Credit) -> None:
    """Raise InvalidValue for a correction of more than what can be granted."""
    available = balance.counter.grantable_at(now_ms=balance.now_ms)
    if credit.amount > 0 or available + credit.amount >= 0:
        return
    taken, left = amount_text(-credit.amount), amount_text(max(0, available))
    unit, subject = balance.budget.unit, balance.subject
    raise InvalidValue(
        f"body.amount: {taken} {unit} are to be taken from {subject} and {left} are available; "
        "what is spent or held cannot be taken",
        param="body.amount",
    )


def _make_room(
    table: Table, claim: CounterClaim, objection: Objection | None, *, now_ms: int
) -> None:
    """Catch up a stale counter, and reclaim what has expired, before a correction tries again."""
    if objection is None or objection.item is None:
        return
    counter = counters.read_counter(objection.item)
    if freshness(counter, claim.policy_version) == "stale":
        catch_up(table, claim, counter)
    expired = holds.expired_in(counter, now_ms=now_ms)
    if expired.buckets:
        holds.reclaim(table, claim.address, expired)


def _claim_on(
    windows: Windows, tenant_id: str, budget: Budget, credit: Credit, version: int, *, now_ms: int
) -> CounterClaim:
    """Claim the counter of the current period."""
    counted = counted_subject(budget.subject, credit.subject, param="body.subject")
    return windows.counter_claim(tenant_id, budget, counted, version, now_ms=now_ms)


def _writes(
    table: Table, claim: CounterClaim, balance: Balance, credit: Credit, *, now_ms: int
) -> tuple[list[dict[str, Any]], Credited]:
    credited = entry_on(claim.line, -credit.amount, credit.provenance, now_ms=now_ms, kind="credit")
    posting = Posting(claim.address, entry=credited)
    puts, (entry,) = writes_of_ledger(table.name, [posting], now_ms=now_ms)
    assert entry is not None
    after = replace(balance, counter=balance.counter.credited(credit.amount))
    writes = [
        policy_is_as_read(table.name, claim),
        _top_up(table, claim, credit.amount, levels_to_arm(after), now_ms),
        *puts,
    ]
    return writes, Credited(entry, after)


def _top_up(
    table: Table, claim: CounterClaim, amount: Amount, left: Sequence[int], now_ms: int
) -> dict[str, Any]:
    """Make the write of the counter, which arms the levels that the credit leads out of."""
    update = counters.crediting(
        claim.creation, amount, change=counters.CREDITED + counters.armed(left)
    )
    if left:
        update["ExpressionAttributeValues"][":armed_at"] = values.number(now_ms)
    if amount < 0:
        update = holds.correcting(claim, -amount)
    return {"Update": {"TableName": table.name, "Key": claim.key, **update}}
