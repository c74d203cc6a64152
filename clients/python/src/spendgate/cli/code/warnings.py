"""What a person should know before a change is made. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from spendgate.cli.code.objects import Objects
from spendgate.cli.code.planner import MONEY, Change, Existing, Plan, State
from spendgate.cli.values import amount

Rule = Callable[[Change, Plan, Objects, State], Iterator[str]]


def with_warnings(plan: Plan, wanted: Objects, state: State) -> Plan:
    """The plan with its warnings."""
    changes = tuple(
        replace(
            change,
            warnings=tuple(text for rule in _RULES for text in rule(change, plan, wanted, state)),
        )
        if change.key.kind == "budget"
        else change
        for change in plan.changes
    )
    return replace(plan, changes=changes)


def _limit_below_spent(change: Change, *_: object) -> Iterator[str]:
    after = change.after
    if change.action != "update" or after is None or not change.changes("limit"):
        return
    if after["subject"].endswith(":*"):
        return  # each of its subjects has a balance of its own
    money = _money(change.before)
    used = money["spent"] + money["held"]
    whole = Decimal(after["limit"]) + money["credits"] + money["carried_in"]
    if used > whole:
        yield (
            f"limit {after['limit']} is below what is spent and held in this period"
            f" ({amount(used)}): calls are refused until it resets"
        )


def _period_starts_anew(change: Change, *_: object) -> Iterator[str]:
    if change.action != "update" or not change.changes("period"):
        return
    if change.opening is not None:
        return
    spent = _money(change.before)["spent"]
    lost = f": {amount(spent)} spent in the current one no longer counts" if spent else ""
    yield f"the period starts anew{lost}; the ledger stays"


def _override(change: Change, _plan: Plan, wanted: Objects, state: State) -> Iterator[str]:
    """The first budget of a subject replaces every default of its type."""
    if change.action != "create" or change.after is None:
        return
    subject: str = change.after["subject"]
    kind, _, name = subject.partition(":")
    had_its_own = any(
        existing.fields is not None and existing.fields["subject"] == subject
        for existing in state.budgets.values()
    )
    if name == "*" or had_its_own:
        return
    defaults = sorted(_names_on(f"{kind}:*", wanted, state))
    if defaults:
        inherits = "; it starts with what it has spent there" * (change.opening == "inherit")
        yield f"{subject} no longer counts under the default {', '.join(defaults)}{inherits}"


def _loses(change: Change, *_: object) -> Iterator[str]:
    facts = change.before.facts
    if not change.ends_budget or facts is None:
        return
    what = f"{facts.slug or facts.budget_id} is deleted"
    if change.action == "replace" and facts.slug != change.key.name:
        what = f"it was {facts.slug}, which is deleted: a slug never changes by itself"
    if facts.money is None:
        yield f"{what}; what its subjects have spent and held no longer counts"
        return
    lost = [f"{text} {name.replace('_', ' ')}" for name, text in facts.money.items() if text != "0"]
    yield f"{what}; no longer counts: {', '.join(lost)}" if lost else what


def _other_stack(change: Change, plan: Plan, *_: object) -> Iterator[str]:
    facts = change.before.facts
    if not change.adopts or facts is None:
        return
    if facts.stack is not None:
        yield f"it belongs to the stack {facts.stack}, and then to {plan.stack}"
    elif facts.slug is None:
        yield f"{facts.budget_id} has no slug and gets this one"
    else:
        yield "no file has managed it yet"


_RULES: tuple[Rule, ...] = (
    _limit_below_spent,
    _period_starts_anew,
    _override,
    _loses,
    _other_stack,
)


def _money(existing: Existing) -> Mapping[str, Decimal]:
    known: Mapping[str, Any] = (existing.facts.money if existing.facts else None) or {}
    return {name: Decimal(known.get(name, "0")) for name in MONEY}


def _names_on(subject: str, wanted: Objects, state: State) -> set[str]:
    """The names of the budgets on a subject, now or in the file."""
    named = {
        key.name
        for key, fields in wanted.fields.items()
        if key.kind == "budget" and fields["subject"] == subject
    }
    there = {
        existing.facts.slug or existing.facts.budget_id
        for existing in state.budgets.values()
        if existing.fields and existing.facts and existing.fields["subject"] == subject
    }
    return named | there
