"""A budget's balance for one subject and period, and the sentences that warn about it."""

from collections.abc import Iterable

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.forecast import Forecast, forecast_of
from spendgate_service.domain.periods import (
    CalendarPeriod,
    DurationPeriod,
    NoPeriod,
    Period,
    PeriodRule,
    RollingPeriod,
    window_text,
)
from spendgate_service.wire.values import amount_in_sentence, optional_time_on_wire


def balance_response(balance: Balance) -> dict[str, object]:
    """A budget's balances for one subject and period.

    What remains in per cent is what is not spent, whatever is held; it is never below 0.
    """
    budget, counter = balance.budget, balance.counter
    utilization = balance.utilization_tenths_pct
    return {
        "budget_id": budget.budget_id,
        "name": budget.name,
        "subject": str(balance.subject),
        "unit": budget.unit,
        "period": _period_response(budget.period, balance.period),
        "limit": amount_text(counter.limit),
        "credits": amount_text(counter.credits),
        "carried_in": amount_text(counter.carried_in),
        "soft_limit": None if budget.soft_limit is None else amount_text(budget.soft_limit),
        "spent": amount_text(balance.spent),
        "held": amount_text(balance.held),
        "available": amount_text(balance.available),
        "overrun": amount_text(balance.overrun),
        "utilization_pct": utilization / 10,
        "percent_remaining": max(0, 1000 - utilization) / 10,
        "status": balance.status,
        "resets_at": _boundary(balance.resets_at),
        "resets_in_seconds": balance.resets_in_seconds,
        "forecast": _forecast_response(forecast_of(balance)),
    }


def _forecast_response(forecast: Forecast | None) -> dict[str, str | None] | None:
    if forecast is None:
        return None
    return {
        "burn_rate_per_hour": amount_text(forecast.burn_rate_per_hour),
        "limit_reached_at": optional_time_on_wire(forecast.limit_reached_at_ms),
    }


def _period_response(rule: PeriodRule, period: Period) -> dict[str, object]:
    return {
        "type": period_rule_response(rule)["type"],
        "key": period.key,
        "starts_at": _boundary(period.starts_at),
        "ends_at": _boundary(period.ends_at),
    }


def period_rule_response(rule: PeriodRule) -> dict[str, str | int]:
    """What kind of period a budget has."""
    match rule:
        case NoPeriod():
            return {"type": "none"}
        case CalendarPeriod():
            return {"type": "calendar", "unit": rule.unit, "timezone": rule.timezone}
        case DurationPeriod():
            return {"type": "duration", "seconds": rule.seconds, "window": rule.label}
        case RollingPeriod():
            window = window_text(rule.seconds)
            return {"type": "rolling", "seconds": rule.seconds, "window": window}


def _boundary(seconds: int | None) -> str | None:
    return optional_time_on_wire(None if seconds is None else seconds * 1000)


def warnings_of(balances: Iterable[Balance], shadowed: Iterable[Balance] = ()) -> list[str]:
    """One sentence for each budget past a threshold, and each shadow that would have refused."""
    past = [_warning(balance) for balance in balances if balance.is_warning]
    return past + [f"{_warning(balance)}; this shadow would have refused" for balance in shadowed]


def _warning(balance: Balance) -> str:
    """For example `agent:researcher usd day at 85.0%: 8.50 of 10`."""
    tenths = balance.utilization_tenths_pct
    spent, whole = balance.spent, balance.counter.entitlement
    return (
        f"{balance.subject} {balance.budget.unit} {balance.budget.period.label} "
        f"at {tenths // 10}.{tenths % 10}%: {amount_in_sentence(spent)} of "
        f"{amount_in_sentence(whole)}"
    )
