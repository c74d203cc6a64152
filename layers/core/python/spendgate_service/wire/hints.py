"""Hints: one sentence that an agent can act on, the same in a check and in a refusal.

A hint names what would fit and when to come back. What only an admin can do it does not ask for.
"""

from collections.abc import Sequence

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.errors import (
    BudgetExceeded,
    BudgetPaused,
    NoBudget,
    TokenCapExceeded,
    UnknownPrice,
    UnknownRate,
    Violation,
)
from spendgate_service.domain.wording import duration_text
from spendgate_service.wire.values import time_on_wire

ASK_FOR_MORE = ": ask for more with POST /v1/increase-requests"

type Refusal = (
    BudgetExceeded | BudgetPaused | NoBudget | TokenCapExceeded | UnknownPrice | UnknownRate
)
"""The errors that a check describes instead of raising them."""


def hint_to_go_on(budget: Balance | None, warnings: Sequence[str]) -> str:
    """Write the hint of a request that is granted; `budget` is the most restrictive one."""
    if budget is not None and budget.warning:
        return hint_to_save(budget, budget.available)
    return "Go on, but heed the warnings." if warnings else "Go on."


def hint_to_save(balance: Balance, left: Amount) -> str:
    """Write the hint of a request that is granted while little is left."""
    ends_at = balance.period.ends_at
    until = f" until {time_on_wire(ends_at * 1000)}" if ends_at else ""
    amount = f"{amount_text(left)} {balance.budget.unit}"
    return f"Go on, but save: {balance.subject} has {amount} left{until}."


def hint_of(refusal: Refusal) -> str:
    """Write the hint of a request that is refused; it names the cheapest alternative."""
    if not refusal.alternatives:
        return _what_helps(refusal)
    first = refusal.alternatives[0]
    output = f" with up to {first.output_tokens} output tokens" if first.output_tokens else ""
    return f"{_what_helps(refusal)} {first.provider}/{first.model} fits now{output}."


def _what_helps(refusal: Refusal) -> str:
    match refusal:
        case BudgetExceeded():
            return _hint_when_exceeded(refusal)
        case BudgetPaused():
            return "Stop: the budget is paused, and only an admin can resume it."
        case NoBudget():
            return "Stop: only an admin can create a budget for one of these subjects."
        case TokenCapExceeded():
            return f"Ask for at most {refusal.cap} {refusal.kind} tokens in one request."
        case UnknownPrice():
            return "Send amounts instead of usage: only an admin can set a price for this model."
        case UnknownRate():
            rate = f"the rate from {refusal.source} to {refusal.target}"
            return f"Stop: only an admin can set {rate} anew."


def _hint_when_exceeded(refusal: BudgetExceeded) -> str:
    """Advise to wait, to ask for less, or both."""
    if refusal.names_a_pause:
        return "Stop: too little is left, and a budget is paused until an admin resumes it."
    less, later = _what_fits(refusal), _what_waiting_brings(refusal)
    if later is None:
        return f"{less or 'Stop'}; {_why_waiting_is_no_use(refusal)}."
    return f"{less}, or {later}." if less else f"Stop and {later}."


def _what_fits(refusal: BudgetExceeded) -> str | None:
    """Name what would fit: less helps where one unit alone is short, or by fewer output tokens."""
    units = {violation.unit for violation in refusal.violations}
    most = min(violation.available for violation in refusal.violations)
    amount = f"{amount_text(most)} {min(units)}" if len(units) == 1 and most > 0 else None
    fitting = refusal.fitting_output
    if fitting is None:
        return amount and f"Ask for at most {amount}"
    output = f"{fitting.output_tokens} output tokens of {fitting.model}"
    return f"Ask for at most {output} ({amount})" if amount else f"Ask for at most {output}"


def _what_waiting_brings(refusal: BudgetExceeded) -> str | None:
    """Advise to wait for holds, or for the end of the period; None if waiting is no use."""
    wait = refusal.retry_after_seconds
    if wait is None or not all(violation.could_grant_later for violation in _spent(refusal)):
        return None
    if not _spent(refusal):
        return f"try again in {duration_text(wait)}, when held amounts may have come back"
    return f"try again in {duration_text(wait)}"


def _why_waiting_is_no_use(refusal: BudgetExceeded) -> str:
    why = "a whole period allows less than was asked for"
    if refusal.retry_after_seconds is None:
        why = "this balance does not reset by itself"
    return f"{why}{ASK_FOR_MORE}"


def _spent(refusal: BudgetExceeded) -> list[Violation]:
    return [violation for violation in refusal.violations if violation.blocked_by == "spent"]
