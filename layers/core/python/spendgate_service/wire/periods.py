"""Periods: one period, and the rule by which a budget's periods follow each other."""

from typing import Annotated, Literal, NotRequired, TypedDict

from spendgate_service.domain.calendar import ANCHOR_FIELDS, NO_ANCHOR, CalendarPeriod
from spendgate_service.domain.periods import (
    DurationPeriod,
    NoPeriod,
    Period,
    PeriodRule,
    RollingPeriod,
    window_text,
)
from spendgate_service.wire.fields import Doc, Time
from spendgate_service.wire.values import optional_time_on_wire


class PeriodResponse(TypedDict):
    """One period of a budget."""

    type: Annotated[str, Doc("The kind of period: none, calendar, duration or rolling.")]
    key: Annotated[str, Doc("The key of the period, unique within the budget.")]
    starts_at: Annotated[Time | None, Doc("The first moment of the period; null: no start.")]
    ends_at: Annotated[Time | None, Doc("The first moment after the period; null: no end.")]


class AnchorResponse(TypedDict):
    """Where a calendar period turns: the fields that its unit has."""

    month: NotRequired[Annotated[int, Doc("The month of a year, or within a quarter.")]]
    day: NotRequired[Annotated[int, Doc("The day of the month, or its last one.")]]
    weekday: NotRequired[Annotated[str, Doc("The first day of a week.")]]
    hour: NotRequired[Annotated[int, Doc("The hour, on the clocks of the time zone.")]]


class PeriodRuleResponse(TypedDict):
    """Over which periods the limit of a budget holds."""

    type: Annotated[Literal["none", "calendar", "duration", "rolling"], Doc("The kind of period.")]
    unit: NotRequired[Annotated[str, Doc("hour, day, week, month, quarter or year.")]]
    timezone: NotRequired[Annotated[str, Doc("An IANA time zone.")]]
    anchor: NotRequired[
        Annotated[AnchorResponse, Doc("Where the period turns, if not where the calendar turns.")]
    ]
    seconds: NotRequired[Annotated[int, Doc("The length of the period in seconds.")]]
    window: NotRequired[Annotated[str, Doc("The same as text, such as 30m, 5h, 7d or 2w.")]]


def period_response(rule: PeriodRule, period: Period) -> PeriodResponse:
    """Build the response about one period of that rule."""
    return {
        "type": period_rule_response(rule)["type"],
        "key": period.key,
        "starts_at": boundary_on_wire(period.starts_at),
        "ends_at": boundary_on_wire(period.ends_at),
    }


def period_rule_response(rule: PeriodRule) -> PeriodRuleResponse:
    """Build the response about the rule of a budget's periods."""
    match rule:
        case NoPeriod():
            return {"type": "none"}
        case CalendarPeriod():
            return _calendar_response(rule)
        case DurationPeriod():
            return {"type": "duration", "seconds": rule.seconds, "window": rule.label}
        case RollingPeriod():
            window = window_text(rule.seconds)
            return {"type": "rolling", "seconds": rule.seconds, "window": window}


def _calendar_response(rule: CalendarPeriod) -> PeriodRuleResponse:
    response: PeriodRuleResponse = {
        "type": "calendar",
        "unit": rule.unit,
        "timezone": rule.timezone,
    }
    if rule.anchor != NO_ANCHOR:
        response["anchor"] = _anchor_response(rule)
    return response


def _anchor_response(rule: CalendarPeriod) -> AnchorResponse:
    takes, anchor = ANCHOR_FIELDS[rule.unit], rule.anchor
    response: AnchorResponse = {"hour": anchor.hour}
    if "month" in takes:
        response["month"] = anchor.month
    if "day" in takes:
        response["day"] = anchor.day
    if "weekday" in takes:
        response["weekday"] = anchor.weekday
    return response


def boundary_on_wire(seconds: int | None) -> str | None:
    """Write a boundary of a period, given in seconds since the epoch; None stays None."""
    return optional_time_on_wire(None if seconds is None else seconds * 1000)
