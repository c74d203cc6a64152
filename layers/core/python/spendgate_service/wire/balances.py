"""A budget's balance for one subject and period, and the sentences that warn about it."""

from collections.abc import Iterable
from typing import Annotated, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.balances import Balance, BalanceStatus
from spendgate_service.domain.forecast import Forecast, forecast_of
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.periods import PeriodResponse, boundary_on_wire, period_response
from spendgate_service.wire.values import (
    amount_in_warning,
    optional_amount,
    optional_time_on_wire,
)


class ForecastResponse(TypedDict):
    """When the limit is reached if spending goes on at its mean rate."""

    burn_rate_per_hour: Annotated[
        AmountText, Doc("What was spent per hour on average since the period began.")
    ]
    limit_reached_at: Annotated[
        Time | None, Doc("When nothing is left at the burn rate; null if the period ends first.")
    ]


class BalanceResponse(TypedDict):
    """A budget's balance for one subject and period."""

    budget_id: Annotated[str, Doc("The budget that the balance belongs to.")]
    name: Annotated[str | None, Doc("The budget's name for people.")]
    subject: Annotated[str, Doc("The subject that spends, as type:id.")]
    unit: Annotated[str, Doc("The unit of the amounts: a lower-case word such as usd or tokens.")]
    period: Annotated[PeriodResponse, Doc("The period that the balance is of.")]
    limit: Annotated[AmountText, Doc("What may be spent in one period.")]
    credits: Annotated[AmountText, Doc("Top-ups and refunds in the period.")]
    carried_in: Annotated[
        AmountText, Doc("What was carried over from the previous period; negative for a debt.")
    ]
    soft_limit: Annotated[
        AmountText | None, Doc("The spent amount at which the budget warns or pauses; null: none.")
    ]
    spent: Annotated[AmountText, Doc("What was spent in the period.")]
    held: Annotated[AmountText, Doc("What open reservations hold.")]
    available: Annotated[
        AmountText,
        Doc(
            "What can be granted now: limit, credits and what was carried over, less spent and "
            "held; below 0 after an overrun."
        ),
    ]
    overrun: Annotated[AmountText, Doc("By how much the spent amount is above the limit.")]
    utilization_pct: Annotated[float, Doc("How much of the limit is spent, in per cent.")]
    percent_remaining: Annotated[
        float, Doc("How much of the limit is not spent, in per cent; holds do not count.")
    ]
    status: Annotated[
        BalanceStatus,
        Doc("The first that applies of disabled, paused, exhausted, warning, active."),
    ]
    resets_at: Annotated[
        Time | None, Doc("When what was spent stops counting; null where nothing resets.")
    ]
    resets_in_seconds: Annotated[int | None, Doc("The same in seconds from now, at least 1.")]
    forecast: Annotated[
        ForecastResponse | None,
        Doc("When the limit is reached at the mean rate so far; null without a period."),
    ]


def balance_response(balance: Balance) -> BalanceResponse:
    """Build the response about one balance; what remains in per cent is never below 0."""
    budget, counter = balance.budget, balance.counter
    utilization = balance.utilization_tenths_pct
    return {
        "budget_id": budget.budget_id,
        "name": budget.name,
        "subject": str(balance.subject),
        "unit": budget.unit,
        "period": period_response(budget.period, balance.period),
        "limit": amount_text(counter.limit),
        "credits": amount_text(balance.credits),
        "carried_in": amount_text(counter.carried_in),
        "soft_limit": optional_amount(budget.soft_limit),
        "spent": amount_text(balance.spent),
        "held": amount_text(balance.held),
        "available": amount_text(balance.available),
        "overrun": amount_text(balance.overrun),
        "utilization_pct": utilization / 10,
        "percent_remaining": max(0, 1000 - utilization) / 10,
        "status": balance.status,
        "resets_at": boundary_on_wire(balance.resets_at),
        "resets_in_seconds": balance.resets_in_seconds,
        "forecast": _forecast(forecast_of(balance)),
    }


def _forecast(forecast: Forecast | None) -> ForecastResponse | None:
    if forecast is None:
        return None
    return {
        "burn_rate_per_hour": amount_text(forecast.burn_rate_per_hour),
        "limit_reached_at": optional_time_on_wire(forecast.limit_reached_at_ms),
    }


def warnings_of(balances: Iterable[Balance], shadowed: Iterable[Balance] = ()) -> list[str]:
    """Write a sentence for each budget past a threshold, and each shadow that would refuse."""
    past = [_warning(balance) for balance in balances if balance.warning]
    return past + [f"{_warning(balance)}; this shadow would have refused" for balance in shadowed]


def _warning(balance: Balance) -> str:
    """For example `agent:researcher usd day at 85.0%: 8.50 of 10`.

    At or above a soft limit: `agent:researcher usd day soft limit exceeded: 8.50 of 8 (limit 10)`.
    """
    budget, committed = balance.budget, amount_in_warning(balance.committed)
    start = f"{balance.subject} {budget.unit} {budget.period.label}"
    whole = amount_in_warning(balance.entitlement)
    if balance.warning == "soft limit" and budget.soft_limit is not None:
        soft_limit = amount_in_warning(budget.soft_limit)
        return f"{start} soft limit exceeded: {committed} of {soft_limit} (limit {whole})"
    tenths = balance.tenths_pct_of(balance.committed)
    return f"{start} at {tenths // 10}.{tenths % 10}%: {committed} of {whole}"
