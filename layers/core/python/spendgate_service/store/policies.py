"""Policy items: one per subject, with its budgets and its token cap.

The list of a tenant's budgets (`store.listings`) says on which subject a budget is.
"""

import json
from typing import Any, cast

from spendgate_service.domain.amounts import amount_text, parse_amount
from spendgate_service.domain.budgets import Budget, CarryOver, PastLimit, Policy, TokenCap
from spendgate_service.domain.calendar import (
    NO_ANCHOR,
    Anchor,
    CalendarPeriod,
    CalendarUnit,
    Weekday,
)
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.values import (
    Item,
    Value,
    amount,
    key,
    number,
    optional_text,
    read_amount,
    read_number,
    read_text,
    text,
)

SET_POLICY = "SET version = :version, budgets = :budgets, token_cap = :token_cap"
POLICY_IS_NEW = "attribute_not_exists(version)"
POLICY_IS_AS_READ = "version = :seen_version"

type Located = tuple[Policy, Budget]
"""A budget, and the policy that it is a part of."""


def read_policy_of(table: Table, tenant_id: str, subject: Subject) -> Policy:
    """Read the policy of one subject consistently."""
    return read_policy(subject, table.get(key(keys.policy_key(tenant_id, subject))))


def find_budget(table: Table, tenant_id: str, budget_id: str) -> Located:
    """Read a budget and its policy consistently, in two reads. Raises NotFound."""
    row = table.get(key(keys.budget_directory_key(tenant_id, budget_id)))
    if row is None:
        raise NotFound("budget", budget_id)
    policy = read_policy_of(table, tenant_id, parse_subject(row["subject"]["S"]))
    budget = policy.budget(budget_id)
    if budget is None:
        raise NotFound("budget", budget_id)
    return policy, budget


def policy_write(table: Table, tenant_id: str, before: Policy, after: Policy) -> dict[str, Any]:
    """Build the write that replaces a policy, on condition that it still is as it was read."""
    attributes = policy_attributes(after)
    attribute_values: Item = {f":{name}": value for name, value in attributes.items()}
    condition = POLICY_IS_NEW
    if before.version:
        condition = POLICY_IS_AS_READ
        attribute_values[":seen_version"] = number(before.version)
    return {
        "Update": {
            "TableName": table.name,
            "Key": key(keys.policy_key(tenant_id, after.subject)),
            "UpdateExpression": SET_POLICY,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": attribute_values,
        }
    }


def policy_attributes(policy: Policy) -> Item:
    """Build a policy's item, without its key."""
    return {
        "version": number(policy.version),
        "budgets": {"L": [_budget_value(budget) for budget in policy.budgets]},
        "token_cap": {"M": cap_fields(policy.token_cap)},
    }


def _budget_value(budget: Budget) -> Value:
    """Build a budget as a map within its subject's policy item."""
    return {
        "M": {
            "budget_id": text(budget.budget_id),
            "counted_in": text(budget.unit),
            "limit_amount": amount(budget.limit),
            "period": _period_value(budget.period),
            "warn_at_pct": {"L": [number(pct) for pct in budget.warn_at_pct]},
            "created_at_ms": number(budget.created_at_ms),
            "updated_at_ms": number(budget.updated_at_ms),
            "metadata": text(json.dumps(dict(budget.metadata), ensure_ascii=False)),
            "revision": number(budget.revision),
            **optional_text(label=budget.name, slug=budget.slug),
            **_limits_beyond_the_hard_one(budget),
        }
    }


def _limits_beyond_the_hard_one(budget: Budget) -> Item:
    """Build the attributes that are absent where a budget has the default."""
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
    if budget.past_limits:
        fields["past_limits"] = {"L": [_past_limit_value(past) for past in budget.past_limits]}
    return fields


def _past_limit_value(past: PastLimit) -> Value:
    """For example `10.5 1772971200000`: the limit, and until when it was in force."""
    return text(f"{amount_text(past.limit)} {past.until_ms}")


def _read_past_limits(value: Value | None) -> tuple[PastLimit, ...]:
    texts = (member["S"].split(" ") for member in value["L"]) if value else ()
    return tuple(PastLimit(parse_amount(limit), int(until_ms)) for limit, until_ms in texts)


def carry_over_value(carry_over: CarryOver | None) -> Value:
    """Build the carry-over rule as an attribute: NULL where nothing is carried over."""
    if carry_over is None:
        return {"NULL": True}
    fields: Item = {"unused": {"BOOL": carry_over.unused}, "debt": {"BOOL": carry_over.debt}}
    if carry_over.max is not None:
        fields["unused_max"] = amount(carry_over.max)
    return {"M": fields}


def read_carry_over(value: Value | None) -> CarryOver | None:
    """Read the carry-over rule from an attribute that may be absent."""
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


def cap_fields(cap: TokenCap | None) -> Item:
    """Build the attributes of a token cap; none where there is no cap."""
    values = {name: getattr(cap, name) for name in _CAPS} if cap else {}
    return {name: number(value) for name, value in values.items() if value is not None}


def read_cap(item: Item) -> TokenCap | None:
    """Read the token cap of an item."""
    fields = item["token_cap"]["M"] if "token_cap" in item else {}
    if not fields:
        return None
    return TokenCap(**{name: read_number(value) for name, value in fields.items()})


def _read_budget(subject: Subject, value: Value, *, with_metadata: bool) -> Budget:
    """Read a budget from its subject's policy item."""
    fields: Item = value["M"]
    return Budget(
        budget_id=fields["budget_id"]["S"],
        subject=subject,
        unit=fields["counted_in"]["S"],
        limit=read_amount(fields["limit_amount"]),
        period=_read_period(fields["period"]),
        warn_at_pct=tuple(read_number(pct) for pct in fields["warn_at_pct"]["L"]),
        created_at_ms=read_number(fields["created_at_ms"]),
        updated_at_ms=read_number(fields["updated_at_ms"]),
        metadata=json.loads(fields["metadata"]["S"]) if with_metadata else {},
        name=read_text(fields, "label"),
        slug=read_text(fields, "slug"),
        revision=read_number(fields["revision"]),
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
        past_limits=_read_past_limits(fields.get("past_limits")),
    )


def _period_value(period: PeriodRule) -> Value:
    match period:
        case NoPeriod():
            return {"M": {"kind": text("none")}}
        case CalendarPeriod(unit, timezone, anchor):
            fields = {"kind": text("calendar"), "each": text(unit), "timezone": text(timezone)}
            if anchor != NO_ANCHOR:
                fields["anchor"] = _anchor_value(anchor)
            return {"M": fields}
        case DurationPeriod(seconds):
            return {"M": {"kind": text("duration"), "length_seconds": number(seconds)}}
        case RollingPeriod(seconds):
            return {"M": {"kind": text("rolling"), "length_seconds": number(seconds)}}


def _anchor_value(anchor: Anchor) -> Value:
    numbers = {"on_month": anchor.month, "on_day": anchor.day, "on_hour": anchor.hour}
    fields = {name: number(value) for name, value in numbers.items()}
    return {"M": {**fields, "on_weekday": text(anchor.weekday)}}


def _read_anchor(fields: Item) -> Anchor:
    return Anchor(
        month=read_number(fields["on_month"]),
        day=read_number(fields["on_day"]),
        weekday=cast("Weekday", fields["on_weekday"]["S"]),
        hour=read_number(fields["on_hour"]),
    )


def _read_period(value: Value) -> PeriodRule:
    fields: Item = value["M"]
    match fields["kind"]["S"]:
        case "none":
            return NoPeriod()
        case "calendar":
            anchor = _read_anchor(fields["anchor"]["M"]) if "anchor" in fields else NO_ANCHOR
            unit = cast("CalendarUnit", fields["each"]["S"])
            return CalendarPeriod(unit, fields["timezone"]["S"], anchor)
        case "duration":
            return DurationPeriod(read_number(fields["length_seconds"]))
        case kind:
            assert kind == "rolling", kind
            return RollingPeriod(read_number(fields["length_seconds"]))


def read_policy(subject: Subject, item: Item | None, *, with_metadata: bool = True) -> Policy:
    """Read the policy of a subject from its item; without an item it is the empty policy.

    Enforcement reads it without the budgets' metadata, which may be large.
    """
    if item is None:
        return Policy(subject)
    budgets = tuple(
        _read_budget(subject, value, with_metadata=with_metadata) for value in item["budgets"]["L"]
    )
    return Policy(subject, read_number(item["version"]), budgets, read_cap(item))
