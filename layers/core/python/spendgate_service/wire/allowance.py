"""What an agent may spend now: a sentence and numbers, at most 1 KB for three budgets."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance, BalanceStatus
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.decisions import check_result_of
from spendgate_service.domain.errors import BudgetExceeded, NoBudget
from spendgate_service.domain.fitting import Alternative
from spendgate_service.domain.periods import DurationPeriod, PeriodRule, RollingPeriod, window_text
from spendgate_service.domain.subjects import CREDENTIAL_TYPES, Subject
from spendgate_service.domain.wording import duration_text
from spendgate_service.wire.alternatives import AlternativeResponse, alternatives_response
from spendgate_service.wire.balances import warnings_of
from spendgate_service.wire.fields import Amounts, AmountText, Doc, Time
from spendgate_service.wire.hints import ASK_FOR_MORE, hint_of, hint_to_save
from spendgate_service.wire.periods import boundary_on_wire
from spendgate_service.wire.values import amounts_on_wire, optional_amount

type AllowanceStatus = Literal["active", "warning", "paused", "exhausted", "no_budgets"]

SHOWN_SUBJECT_MAX = 40
"""So many characters of a subject's id stand in a sentence; other callers may have chosen it."""

_LEAST: Amount = 1
_PLAIN_ID = re.compile(rf"[A-Za-z0-9_.@/-]{{1,{SHOWN_SUBJECT_MAX}}}")
_THIS = {
    "hour": "this hour",
    "day": "today",
    "week": "this week",
    "month": "this month",
    "quarter": "this quarter",
    "year": "this year",
}


class PendingIncrease(TypedDict):
    """What the caller's key has asked for and what waits for a decision."""

    id: Annotated[str, Doc("The id of the increase request.")]
    amount: Annotated[AmountText, Doc("How much more was asked for.")]
    until: Annotated[Time | None, Doc("Until when; null: for the current period.")]


class AllowanceBudget(TypedDict):
    """One budget that applies."""

    currency: Annotated[str, Doc("The unit of the amounts.")]
    limit: Annotated[AmountText, Doc("What may be spent in one period.")]
    balance: Annotated[AmountText, Doc("What can be granted now.")]
    soft_limit: Annotated[
        AmountText | None, Doc("The spent amount at which the budget warns or pauses; null: none.")
    ]
    percent_remaining: Annotated[float, Doc("How much of the limit is not spent, in per cent.")]
    status: Annotated[
        BalanceStatus, Doc("The first that applies of paused, exhausted, warning, active.")
    ]
    asked: NotRequired[
        Annotated[PendingIncrease, Doc("Sent while the caller's key waits for more on it.")]
    ]


class AllowanceResponse(TypedDict):
    """What a caller may spend now."""

    status: Annotated[
        AllowanceStatus, Doc("The most restrictive of the budgets: exhausted before paused.")
    ]
    summary: Annotated[str, Doc("One sentence about the budget that limits a request most.")]
    max_amounts: Annotated[
        Amounts, Doc("The most that a request may ask for now, by unit; absent: not limited.")
    ]
    hint: Annotated[str, Doc("One sentence that an agent can act on, as in a check.")]
    budgets: Annotated[
        list[AllowanceBudget], Doc("The budgets that apply, in the order of refusals.")
    ]
    alternatives: NotRequired[
        Annotated[
            list[AlternativeResponse],
            Doc("Of a call to a model, if the tenant has fallback_models: those that fit now."),
        ]
    ]


type Waiting = Mapping[tuple[str, Subject], PendingIncrease]
"""What the caller waits for, by budget and subject."""


def pending_increase(request_id: str, amount: Amount, until: int | None) -> PendingIncrease:
    """Build the part of the response about a pending increase request."""
    return {"id": request_id, "amount": amount_text(amount), "until": boundary_on_wire(until)}


def allowance_response(
    balances: Sequence[Balance],
    subjects: Sequence[Subject],
    *,
    requires_budget: bool,
    waiting: Waiting,
    alternatives: Sequence[Alternative] | None = None,
) -> AllowanceResponse:
    """Build the response about the balances of every budget on the subjects; no shadow counts.

    `alternatives` are the models that fit now; None if no call to a model was asked about.
    """
    response = _response(balances, subjects, requires_budget, waiting, alternatives)
    if alternatives is not None:
        response["alternatives"] = alternatives_response(alternatives)
    return response


def _response(
    balances: Sequence[Balance],
    subjects: Sequence[Subject],
    requires_budget: bool,
    waiting: Waiting,
    alternatives: Sequence[Alternative] | None,
) -> AllowanceResponse:
    enforced = [balance for balance in balances if not balance.budget.is_shadow]
    if not enforced:
        return _without_budgets(subjects, requires_budget=requires_budget)
    refusal = check_result_of((balance, _LEAST) for balance in enforced).refusal
    warnings = warnings_of(enforced)
    status: AllowanceStatus
    if refusal is None:
        status = "warning" if warnings else "active"
        tightest = _with_the_least(enforced)
        hint = hint_to_save(tightest, _grantable(tightest)) if warnings else "Go on."
    else:
        refusal.alternatives = alternatives
        short = refusal.short if isinstance(refusal, BudgetExceeded) else refusal.violations
        status, first = "exhausted" if isinstance(refusal, BudgetExceeded) else "paused", short[0]
        tightest = next(
            balance
            for balance in enforced
            if (balance.budget.budget_id, str(balance.subject)) == (first.budget_id, first.subject)
        )
        hint = hint_of(refusal)
    return {
        "status": status,
        "summary": _summary(tightest, status),
        "max_amounts": amounts_on_wire(_least_by_unit(enforced)),
        "hint": _with_what_waits(_shortened(hint, tightest.subject), tightest, waiting),
        "budgets": [_budget(balance, waiting) for balance in enforced],
    }


def _without_budgets(subjects: Sequence[Subject], *, requires_budget: bool) -> AllowanceResponse:
    first = next((subject for subject in subjects if subject.type not in CREDENTIAL_TYPES), None)
    who = "you" if first is None else _name(first)
    return {
        "status": "no_budgets",
        "summary": f"No budget limits {who}.",
        "max_amounts": {},
        "hint": hint_of(NoBudget()) if requires_budget else "Go on.",
        "budgets": [],
    }


def _summary(balance: Balance, status: AllowanceStatus) -> str:
    unit, who = balance.budget.unit, _name(balance.subject)
    most = amount_text(_grantable(balance))
    match status:
        case "exhausted":
            start = f"{who} may spend no {unit} now"
        case "paused":
            start = f"{who} is paused"
        case _:
            start = f"{who} may spend up to {most} {unit} now"
    used = f"{amount_text(balance.spent)} of {amount_text(balance.entitlement)}"
    sentence = f"{start}: {used} {unit} used {_when(balance.budget.period)}"
    if balance.held > 0:
        sentence += f", {amount_text(balance.held)} held by calls in flight"
    if balance.resets_in_seconds is not None:
        sentence += f"; resets in {duration_text(balance.resets_in_seconds)}"
    return f"{sentence}."


def _when(rule: PeriodRule) -> str:
    match rule:
        case CalendarPeriod(unit=unit):
            return _THIS[unit]
        case DurationPeriod(seconds):
            return f"in this window of {window_text(seconds)}"
        case RollingPeriod(seconds):
            return f"in the last {window_text(seconds)}"
    return "in all"


def _name(subject: Subject) -> str:
    """Name a subject; an id that could be read as a text of its own is quoted and cut."""
    if _PLAIN_ID.fullmatch(subject.id):
        return str(subject)
    plain = "".join(character if character.isprintable() else " " for character in subject.id)
    cut = plain[:SHOWN_SUBJECT_MAX].replace('"', "'")
    return f'{subject.type}:"{cut}{"…" if len(plain) > SHOWN_SUBJECT_MAX else ""}"'


def _shortened(hint: str, subject: Subject) -> str:
    return hint.replace(str(subject), _name(subject))


def _with_the_least(balances: Sequence[Balance]) -> Balance:
    """Return a budget with the least left of its unit; of several, the one that is used most."""
    most = _least_by_unit(balances)
    limiting = [balance for balance in balances if _grantable(balance) == most[balance.budget.unit]]
    return max(limiting, key=lambda balance: balance.tenths_pct_of(balance.committed))


def _least_by_unit(balances: Sequence[Balance]) -> dict[str, Amount]:
    """Return the most that a request may ask for by unit: the least that a budget has left."""
    least: dict[str, Amount] = {}
    for balance in balances:
        unit, amount = balance.budget.unit, _grantable(balance)
        least[unit] = min(amount, least.get(unit, amount))
    return least


def _grantable(balance: Balance) -> Amount:
    """Return what can be granted: what is available on every clock, and nothing in a pause."""
    if balance.is_paused:
        return 0
    return max(0, balance.counter.grantable_at(now_ms=balance.now_ms))


def _with_what_waits(hint: str, balance: Balance, waiting: Waiting) -> str:
    """Say that more was asked for on the tightest budget, instead of how to ask for it."""
    pending = waiting.get((balance.budget.budget_id, balance.subject))
    if pending is None:
        return hint
    amount, unit = pending["amount"], balance.budget.unit
    return f"{hint.replace(ASK_FOR_MORE, '')} {amount} {unit} more are asked for: wait."


def _budget(balance: Balance, waiting: Waiting) -> AllowanceBudget:
    shown: AllowanceBudget = {
        "currency": balance.budget.unit,
        "limit": amount_text(balance.counter.limit),
        "balance": amount_text(balance.available),
        "soft_limit": optional_amount(balance.budget.soft_limit),
        "percent_remaining": max(0, 1000 - balance.utilization_tenths_pct) / 10,
        "status": balance.status,
    }
    pending = waiting.get((balance.budget.budget_id, balance.subject))
    if pending is not None:
        shown["asked"] = pending
    return shown
