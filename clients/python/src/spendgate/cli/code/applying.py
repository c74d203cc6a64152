"""Make the changes of a plan, each on condition that the object is as it was planned on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spendgate import (
    ConflictError,
    NotFoundError,
    Spendgate,
    SpendgateError,
    Unavailable,
    VersionMismatch,
)
from spendgate.cli.code import state
from spendgate.cli.code.model import MARK
from spendgate.cli.code.objects import Key
from spendgate.cli.code.planner import SIGNS, Change, Existing, Plan
from spendgate.cli.code.replacing import replace_budget
from spendgate.cli.exits import CommandError, Exit, code_of, sentence_of
from spendgate.cli.values import amount, shown

Report = Callable[[str], object]


def apply_plan(client: Spendgate, plan: Plan, report: Report) -> None:
    """Make every change in turn; stops at the first object that is not as it was planned on."""
    if plan.blocked:
        first = plan.blocked[0]
        raise CommandError(
            f"nothing was changed: {len(plan.blocked)} of {len(plan.changes)} changes are blocked,"
            f" {first.key} needs {' '.join(first.needs)}"
        )
    for number, change in enumerate(plan.changes):
        try:
            warnings = _make(client, change, plan.stack)
        except (VersionMismatch, ConflictError, NotFoundError) as error:
            now = _as_it_is(client, change)
            if now.fields is not None and now.fields == change.after and not change.adopts:
                warnings = []  # it was made by this change, and only the response was lost
            else:
                raise _stopped(change, now, number, len(plan.changes)) from error
        except SpendgateError as error:
            raise _failed(change, error, number, len(plan.changes)) from error
        report(f"{SIGNS[change.action]:>3} {change.key}")
        for warning in warnings:
            report(f"      warning: {warning}")


def _make(client: Spendgate, change: Change, stack: str) -> list[str]:
    """Make one change; returns the warnings of the service."""
    if change.key.kind == "budget":
        return _make_budget(client, change, stack)
    if change.before.fields is None and change.before.etag is None:
        now = state.read_object(client, change.key)  # no header says "only if there is none"
        if now.fields is not None:
            raise _Appeared
    assert change.after is not None
    body: Any = change.after
    tag = change.before.etag
    match change.key.kind:
        case "tenant":
            client.tenant.update(if_match=tag, **body)
        case "price":
            provider, model = change.key.name.split("/", 1)
            client.prices.set(provider, model, if_match=tag, **body)
        case "rate":
            client.rates.set(*change.key.name.split("/", 1), if_match=tag, **body)
        case _:
            client.token_caps.set(change.key.name, if_match=tag, **body)
    return []


class _Appeared(ConflictError):
    """An object is there that was not there when the plan was made."""

    def __init__(self) -> None:
        super().__init__("it was created since the plan", status_code=409)


def _make_budget(client: Spendgate, change: Change, stack: str) -> list[str]:
    facts, tag = change.before.facts, change.before.etag
    if change.action == "delete":
        assert facts is not None
        client.budgets.delete(facts.budget_id, if_match=tag)
        return []
    assert change.after is not None
    body: Any = {**change.after, "metadata": {**change.after["metadata"], MARK: stack}}
    if change.opening is not None:
        body["opening_spent"] = change.opening
    slug = change.key.name
    if change.action == "update":
        assert facts is not None
        if facts.slug is None:  # adopted: a PATCH gives it its slug
            del body["subject"], body["unit"]
            made = client.budgets.update(facts.budget_id, if_match=tag, slug=slug, **body)
        else:
            made = client.budgets.put(slug, if_match=tag, **body)
    elif change.action == "create" or facts is None:
        made = client.budgets.create(slug=slug, **body)
    else:
        made = replace_budget(client, change, body)
    left = [
        f"{amount(replaced.spent)} spent under {replaced.subject} no longer counts"
        for replaced in made.replaces or ()
        if replaced.spent
    ]
    return [*(made.warnings or ()), *left]


def _as_it_is(client: Spendgate, change: Change) -> Existing:
    """The object of a change as it is now."""
    if change.key.kind != "budget":
        return state.read_object(client, change.key)
    facts = change.before.facts
    try:
        if facts is not None:
            return state.existing_budget(client.budgets.retrieve(facts.budget_id))
        return _by_slug(client, change.key)
    except NotFoundError:
        return Existing(None)


def _by_slug(client: Spendgate, key: Key) -> Existing:
    named = (budget for budget in client.budgets.list(limit=100) if budget.slug == key.name)
    found = next(named, None)
    return Existing(None) if found is None else state.existing_budget(found)


def _stopped(change: Change, now: Existing, made: int, whole: int) -> CommandError:
    if now.fields is None:
        what = "was deleted"
    elif change.before.fields is None:
        what = "was created"
    else:
        before = change.before.fields
        named = [name for name in before if before[name] != now.fields.get(name)]
        fields = [
            f"{name} {shown(name, before[name])} -> {shown(name, now.fields.get(name))}"
            for name in named
        ]
        what = f"changed: {', '.join(fields) or 'its status or its mark'}"
    return CommandError(
        f"stopped: {change.key} {what} since the plan; {made} of {whole} changes were made."
        " Plan again",
        Exit.FAILED,
    )


def _failed(change: Change, error: SpendgateError, made: int, whole: int) -> CommandError:
    """Say which change failed, why, and what was made before it."""
    if isinstance(error, CommandError):
        left = ""
    elif isinstance(error, Unavailable):
        left = " Whether it was made is not known."
    else:
        left = "" if change.action == "create" else f" {change.key} is as it was."
    return CommandError(
        f"stopped at {SIGNS[change.action]} {change.key}: {sentence_of(error)}{left} {made} of"
        f" {whole} changes were made",
        code_of(error),
    )
