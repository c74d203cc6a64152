"""Credit a budget: a top-up, refund or correction of its current period, with a ledger entry.

A correction is a negative credit. It takes at most what is available, as a hold does, and is
decided inside the transaction. A credit may have an end (`store.credit_writes`): its second ledger
entry is written with it and dated at its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.budgets.policy_writes import try_to_write
from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, counted_subject
from spendgate_service.domain.changes import BY_COMMAND, Author
from spendgate_service.domain.counters import Counter, freshness
from spendgate_service.domain.errors import BudgetChanged, InvalidValue
from spendgate_service.domain.ledger import LedgerEntry, entry_on
from spendgate_service.domain.preconditions import UNCONDITIONAL, Precondition
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.thresholds import levels_to_arm
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.store import counters, credit_writes, holds, values
from spendgate_service.store.claims import CounterClaim, catch_up, policy_is_as_read, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.credit_writes import CreditedAmount
from spendgate_service.store.errors import Objection, PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.policies import find_budget
from spendgate_service.store.postings import Posting, writes_of_ledger
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows
from spendgate_service.wire.changes import credit_fields
from spendgate_service.wire.credits import credit_response
from spendgate_service.wire.values import json_text

_TOP_UP = 1
"""The place of the counter's write in the transaction, after the check of the policy."""


@dataclass(frozen=True, slots=True)
class Credit:
    """An amount to add to a budget; for a default, to the balance of `subject`.

    A negative amount is a correction. `expires_at` is the end in epoch seconds; None: with the
    period. `end_param` is where the request names it.
    """

    budget_id: str
    subject: Subject | None
    amount: Amount
    provenance: Provenance
    expires_at: int | None = None
    end_param: str = "body.expires_at"

    @property
    def credited(self) -> CreditedAmount:
        """The amount with its end."""
        return CreditedAmount(self.amount, self.expires_at)


@dataclass(frozen=True, slots=True)
class Credited:
    """The ledger entry of a credit, and the balance with it, from the last read before it."""

    entry: LedgerEntry
    balance: Balance


@dataclass(frozen=True, slots=True)
class PreparedCredit:
    """The writes of a credit, for one transaction in which they come first."""

    claim: CounterClaim
    writes: Sequence[dict[str, Any]]
    credited: Credited

    def make_room(
        self, table: Table, objections: Sequence[Objection | None], *, now_ms: int
    ) -> None:
        """Catch up a stale counter, and reclaim what has expired, before it is prepared again."""
        objection = objections[_TOP_UP]
        if objection is None or objection.item is None:
            return
        counter = counters.read_counter(objection.item)
        if freshness(counter, self.claim.policy_version) == "stale":
            catch_up(table, self.claim, counter)
        expired = holds.expired_in(counter, now_ms=now_ms)
        if expired.buckets:
            holds.reclaim(table, self.claim.address, expired)


def apply_credit(
    table: Table,
    tenant_id: str,
    credit: Credit,
    *,
    idempotency: IdempotencyRecord | None,
    precondition: Precondition = UNCONDITIONAL,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> Credited | Replay:
    """Change what the current period may spend, once under an idempotency key.

    One transaction: the counter (created by its first use), the ledger entry, a second one for a
    credit that ends before its period, the entry of the change log, the idempotency record, and a
    check that the policy is as it was read. Raises NotFound, InvalidValue, IdempotencyConflict,
    VersionMismatch, BudgetChanged.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: BudgetChanged(_named(credit))):
        prepared = prepare_credit(
            table, tenant_id, credit, precondition=precondition, by=by, now_ms=now_ms
        )
        if prepared is None:
            continue
        writes, credited = list(prepared.writes), prepared.credited
        if idempotency:
            response = json_text(credit_response(credited.entry, credited.balance))
            writes.append(idempotency.put(table, response, now_ms=now_ms))
        objections = try_to_write(table, writes)
        if not objections:
            return credited
        replay = idempotency.replay_of(objections[-1]) if idempotency else None
        if replay:
            return replay
        prepared.make_room(table, objections, now_ms=now_ms)
    raise LoopEnded


def prepare_credit(
    table: Table,
    tenant_id: str,
    credit: Credit,
    *,
    precondition: Precondition = UNCONDITIONAL,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> PreparedCredit | None:
    """Build the writes of a credit as the budget is now; None if it has to be read again.

    Raises NotFound, InvalidValue and VersionMismatch.
    """
    assert credit.amount
    windows = Windows(table)
    policy, budget = find_budget(table, tenant_id, credit.budget_id)
    precondition.check(f"the budget {credit.budget_id}", budget.tag)
    try:
        claim = _claim_on(windows, tenant_id, budget, credit, policy.version, now_ms=now_ms)
        balance = read_balances(table, [claim], now_ms=now_ms)[0]
        if balance.counter.ended_credits(now_ms=now_ms):
            credit_writes.take_out_ended(table, claim.address, balance.counter, now_ms=now_ms)
            return None
        _check(balance, credit)
        period = windows.use(tenant_id, claim.claim, now_ms)
    except PolicyChanged:
        return None
    claim = replace(claim, period=period)
    writes, credited = _writes(table, claim, balance, credit, now_ms=now_ms)
    fields = credit_fields(credited.entry, expires_at=credit.expires_at)
    changed = Changed("budget.credited", credit.budget_id, None, fields, subject=balance.subject)
    writes.append(change_entry(table, tenant_id, by, changed, now_ms=now_ms))
    return PreparedCredit(claim, writes, credited)


def _named(credit: Credit) -> str:
    return str(credit.subject or credit.budget_id)


def _check(balance: Balance, credit: Credit) -> None:
    """Raise InvalidValue for an end in the past, and for a correction of more than there is."""
    if credit.expires_at is not None:
        _check_end(balance, credit, credit.expires_at)
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


def _check_end(balance: Balance, credit: Credit, ends_at: int) -> None:
    """Raise InvalidValue for an end in the past, one too many, or one that nothing has."""
    counter, param = balance.counter, credit.end_param
    if ends_at * 1000 <= balance.now_ms:
        raise InvalidValue(
            f"{param}: this moment is in the past; send one in the future", param=param
        )
    has_own_end = credit.credited.has_own_end(balance.period)
    credited = counter.ending.get(ends_at, 0) if has_own_end else counter.credits_not_carried
    if credit.amount < 0 and credited + credit.amount < 0:
        taken, unit = amount_text(-credit.amount), balance.budget.unit
        raise InvalidValue(
            f"body.amount: {taken} {unit} are to be taken from credits that expire then, which are "
            f"{amount_text(credited)}; send the expires_at of the credit, or none",
            param="body.amount",
        )
    if (
        has_own_end
        and ends_at not in counter.ending
        and len(counter.ending) >= credit_writes.ENDS_MAX
    ):
        raise InvalidValue(
            f"{param}: the credits of a balance may have {credit_writes.ENDS_MAX} different ends; "
            "send one that another credit has",
            param=param,
        )


def _claim_on(
    windows: Windows, tenant_id: str, budget: Budget, credit: Credit, version: int, *, now_ms: int
) -> CounterClaim:
    """Claim the counter of the current period."""
    counted = counted_subject(budget.subject, credit.subject, param="body.subject")
    return windows.counter_claim(tenant_id, budget, counted, version, now_ms=now_ms)


def _writes(
    table: Table, claim: CounterClaim, balance: Balance, credit: Credit, *, now_ms: int
) -> tuple[list[dict[str, Any]], Credited]:
    credited = replace(
        entry_on(claim.line, -credit.amount, credit.provenance, now_ms=now_ms, kind="credit"),
        expires_at=credit.expires_at,
    )
    posting = Posting(claim.address, entry=credited)
    puts, (entry_id,) = writes_of_ledger(table.name, [posting], now_ms=now_ms)
    assert entry_id is not None
    entry = replace(credited, entry_id=entry_id)
    after = replace(balance, counter=_credited(balance, credit))
    writes = [
        policy_is_as_read(table.name, claim),
        _top_up(table, claim, balance, after, credit),
        *puts,
        *_puts_of_end(table, claim, credit, entry),
    ]
    return writes, Credited(entry, after)


def _credited(balance: Balance, credit: Credit) -> Counter:
    """Return the counter after a credit."""
    if credit.expires_at is not None and credit.credited.has_own_end(balance.period):
        return balance.counter.credited_until(credit.expires_at, credit.amount)
    return balance.counter.credited(credit.amount)


def _top_up(
    table: Table, claim: CounterClaim, before: Balance, after: Balance, credit: Credit
) -> dict[str, Any]:
    """Make the write of the counter, which arms the levels that a credit leads out of."""
    left = levels_to_arm(after) if credit.amount > 0 else []
    update = credit_writes.crediting(
        claim, before.counter, credit.credited, armed=counters.armed(left), now_ms=before.now_ms
    )
    if left:
        update["ExpressionAttributeValues"][":armed_at"] = values.number(before.now_ms)
    return {"Update": {"TableName": table.name, "Key": claim.key, **update}}


def _puts_of_end(
    table: Table, claim: CounterClaim, credit: Credit, entry: LedgerEntry
) -> list[dict[str, Any]]:
    """Make the ledger entry at the end of a credit that ends before its period."""
    ends_at = credit.expires_at
    if ends_at is None or not credit.credited.has_own_end(claim.period):
        return []
    provenance = Provenance(
        ref_type="ledger_entry",
        ref_id=entry.entry_id,
        description=f"expired: the credit {entry.entry_id}",
    )
    expired = entry_on(
        claim.line, credit.amount, provenance, now_ms=ends_at * 1000, kind="credit_expired"
    )
    posting = Posting(claim.address, entry=expired)
    puts, _ = writes_of_ledger(table.name, [posting], now_ms=ends_at * 1000)
    return puts
