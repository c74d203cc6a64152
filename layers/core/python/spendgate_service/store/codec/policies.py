"""Policies as items: one per subject, its budgets within it."""

import json
from typing import Any, cast

from spendgate_service.domain.budgets import Budget, CarryOver, Policy, TokenCap
from spendgate_service.domain.periods import (
    CalendarPeriod,
    DurationPeriod,
    NoPeriod,
    PeriodRule,
    RollingPeriod,
)
from spendgate_service.domain.subjects import Subject
from spendgate_service.store.errors import Item
from spendgate_service.store.values import (
    Value,
    amount,
    number,
    optional_text,
    read_amount,
    read_number,
    read_text,
    text,
)


def policy_attributes(policy: Policy) -> Item:
    """A policy's item, without its key."""
    return {
        "version": number(policy.version),
        "budgets": {"L": [_budget_value(budget) for budget in policy.budgets]},
        "token_cap": {"M": _cap_fields(policy.token_cap)},
    }


def _budget_value(budget: Budget) -> Value:
    """A budget as a map within its subject's policy item."""
    return {
        "M": {
            "budget_id": text(budget.budget_id),
            "counted_in": text(budget.unit),
            "limit_amount": amount(budget.limit),
            "period": _period_value(budget.period),
            "warn_at_pct": {"L": [number(one) for one in budget.warn_at_pct]},
            "created_at_ms": number(budget.created_at_ms),
            "updated_at_ms": number(budget.updated_at_ms),
            "metadata": text(json.dumps(dict(budget.metadata), ensure_ascii=False)),
            **optional_text(label=budget.name),
            **_limits_beyond_the_hard_one(budget),
        }
    }


def _limits_beyond_the_hard_one(budget: Budget) -> Item:
    """What a budget has only if it was asked for: absent attributes are the defaults."""
    fields: Item = {}
    if budget.soft_limit is not None:
        fields["soft_limit"] = amount(budget.soft_limit)
        fields["on_soft_limit"] = text(budget.on_soft_limit)
    if budget.mode != "enforce":
        fields["enforcement"] = text(budget.mode)
    if budget.carry_over is not None:
        fields["carry_over"] = carry_over_value(budget.carry_over)
    if budget.paused:
        fields["paused"] = {"BOOL": True}
    if budget.disabled:
        fields["disabled"] = {"BOOL": True}
    if budget.resumed_at_ms is not None:
        fields["resumed_at_ms"] = number(budget.resumed_at_ms)
    if budget.limit_since_ms is not None:
        fields["limit_since_ms"] = number(budget.limit_since_ms)
    return fields


def carry_over_value(carry_over: CarryOver | None) -> Value:
    """What goes into the next period, as an attribute; nothing does where there is none."""
    if carry_over is None:
        return {"NULL": True}
    fields: Item = {"unused": {"BOOL": carry_over.unused}, "debt": {"BOOL": carry_over.debt}}
    if carry_over.max is not None:
        fields["unused_max"] = amount(carry_over.max)
    return {"M": fields}


def read_carry_over(value: Value | None) -> CarryOver | None:
    """What goes into the next period, out of an attribute that need not be there."""
    if value is None or "NULL" in value:
        return None
    fields: Item = value["M"]
    most = fields.get("unused_max")
    return CarryOver(
        unused=fields["unused"]["BOOL"],
        max=read_amount(most) if most else None,
        debt=fields["debt"]["BOOL"],
    )


_CAPS = ("max_prompt_tokens", "max_completion_tokens", "max_total_tokens")


def _cap_fields(cap: TokenCap | None) -> Item:
    values = {name: getattr(cap, name) for name in _CAPS} if cap else {}
    return {name: number(value) for name, value in values.items() if value is not None}


def _read_cap(item: Item) -> TokenCap | None:
    fields = item["token_cap"]["M"] if "token_cap" in item else {}
    if not fields:
        return None
    return TokenCap(**{name: read_number(value) for name, value in fields.items()})


def _read_budget(subject: Subject, value: Value) -> Budget:
    """A budget out of its subject's policy item."""
    fields: Item = value["M"]
    return Budget(
        budget_id=fields["budget_id"]["S"],
        subject=subject,
        unit=fields["counted_in"]["S"],
        limit=read_amount(fields["limit_amount"]),
        period=_read_period(fields["period"]),
        warn_at_pct=tuple(read_number(one) for one in fields["warn_at_pct"]["L"]),
        created_at_ms=read_number(fields["created_at_ms"]),
        updated_at_ms=read_number(fields["updated_at_ms"]),
        metadata=json.loads(fields["metadata"]["S"]),
        name=read_text(fields, "label"),
        soft_limit=read_amount(fields["soft_limit"]) if "soft_limit" in fields else None,
        on_soft_limit=cast("Any", read_text(fields, "on_soft_limit") or "warn"),
        mode=cast("Any", read_text(fields, "enforcement") or "enforce"),
        carry_over=read_carry_over(fields.get("carry_over")),
        paused="paused" in fields,
        disabled="disabled" in fields,
        resumed_at_ms=(read_number(fields["resumed_at_ms"]) if "resumed_at_ms" in fields else None),
        limit_since_ms=(
            read_number(fields["limit_since_ms"]) if "limit_since_ms" in fields else None
        ),
    )


def _period_value(period: PeriodRule) -> Value:
    match period:
        case NoPeriod():
            return {"M": {"kind": text("none")}}
        case CalendarPeriod(unit, timezone):
            fields = {"kind": text("calendar"), "each": text(unit), "timezone": text(timezone)}
            return {"M": fields}
        case DurationPeriod(seconds):
            return {"M": {"kind": text("duration"), "length_seconds": number(seconds)}}
        case RollingPeriod(seconds):
            return {"M": {"kind": text("rolling"), "length_seconds": number(seconds)}}


def _read_period(value: Value) -> PeriodRule:
    fields: Item = value["M"]
    match fields["kind"]["S"]:
        case "none":
            return NoPeriod()
        case "calendar":
            return CalendarPeriod(cast("Any", fields["each"]["S"]), fields["timezone"]["S"])
        case "duration":
            return DurationPeriod(read_number(fields["length_seconds"]))
        case kind:
            assert kind == "rolling", kind
            return RollingPeriod(read_number(fields["length_seconds"]))


def read_policy(subject: Subject, item: Item | None) -> Policy:
    """The policy of a subject; the empty one where there is no item."""
    if item is None:
        return Policy(subject)
    budgets = tuple(_read_budget(subject, value) for value in item["budgets"]["L"])
    return Policy(subject, read_number(item["version"]), budgets, _read_cap(item))
