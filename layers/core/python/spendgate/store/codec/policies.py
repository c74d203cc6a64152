"""Policies as items: one per subject, its budgets within it."""

import json
from typing import Any, cast

from spendgate.domain.budgets import Budget, Policy
from spendgate.domain.periods import CalendarPeriod, NoPeriod, PeriodRule
from spendgate.domain.subjects import Subject
from spendgate.store.errors import Item
from spendgate.store.items import (
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
        }
    }


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
    )


def _period_value(period: PeriodRule) -> Value:
    match period:
        case NoPeriod():
            return {"M": {"kind": text("none")}}
        case CalendarPeriod(unit, timezone):
            fields = {"kind": text("calendar"), "each": text(unit), "timezone": text(timezone)}
            return {"M": fields}


def _read_period(value: Value) -> PeriodRule:
    fields: Item = value["M"]
    if fields["kind"]["S"] == "none":
        return NoPeriod()
    return CalendarPeriod(cast("Any", fields["each"]["S"]), fields["timezone"]["S"])


def read_policy(subject: Subject, item: Item | None) -> Policy:
    """The policy of a subject; the empty one where there is no item."""
    if item is None:
        return Policy(subject)
    budgets = tuple(_read_budget(subject, value) for value in item["budgets"]["L"])
    return Policy(subject, read_number(item["version"]), budgets)
