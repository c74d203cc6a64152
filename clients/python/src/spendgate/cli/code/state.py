"""The objects that the service has."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from spendgate import NotFoundError, Spendgate, models
from spendgate.cli.code.model import MARK
from spendgate.cli.code.objects import (
    Fields,
    Key,
    Objects,
    fields_of_budget,
    price_fields,
    rate_fields,
)
from spendgate.cli.code.planner import MONEY, Existing, Facts, State
from spendgate.cli.values import amount

_PAGE = 100
CAPS = ("max_prompt_tokens", "max_completion_tokens", "max_total_tokens")


def read_state(client: Spendgate, wanted: Objects) -> State:
    """The objects that a file names, and every budget; balances only where a plan may need them."""
    objects = {key: read_object(client, key) for key in wanted.fields if key.kind != "budget"}
    budgets = {}
    for budget in client.budgets.list(limit=_PAGE):
        existing = existing_budget(budget)
        assert existing.facts is not None
        if _may_change(existing, wanted):
            existing = _with_money(client, client.budgets.retrieve(budget.budget_id))
        budgets[budget.budget_id] = existing
    return State(objects, budgets)


def existing_budget(budget: models.Budget) -> Existing:
    """A budget of the service; its tag is its revision."""
    mark = budget.metadata.get(MARK)
    facts = Facts(
        budget.budget_id,
        budget.slug,
        mark if isinstance(mark, str) else None,
        budget.status,
        _money(budget),
    )
    return Existing(fields_of_budget(budget), f'"{budget.revision}"', facts)


def _with_money(client: Spendgate, budget: models.Budget) -> Existing:
    """A budget with its balance; a default with the sum over its subjects."""
    existing = existing_budget(budget)
    assert existing.facts is not None
    if budget.balance is not None:
        return existing
    money = dict.fromkeys(MONEY, Decimal(0))
    for balance in client.budgets.balances(budget.budget_id, limit=_PAGE):
        for name in MONEY:
            money[name] += abs(getattr(balance, name))  # debts and credits do not cancel out
    facts = replace(existing.facts, money={name: amount(part) for name, part in money.items()})
    return replace(existing, facts=facts)


def read_object(client: Spendgate, key: Key) -> Existing:
    """One object other than a budget, with its tag."""
    try:
        reply = client.send("GET", *path_of(key))
    except NotFoundError:
        return Existing(None)
    return Existing(_fields(key, reply.json()), reply.headers.get("etag"))


def path_of(key: Key) -> tuple[str, ...]:
    """Where an object is in the API."""
    if key.kind == "price":
        return ("prices", *key.name.split("/", 1))
    if key.kind == "rate":
        return ("rates", *key.name.split("/", 1))
    return ("token-caps", *key.name.split(":", 1)) if key.kind == "token_cap" else ("tenant",)


def _fields(key: Key, shown: dict[str, Any]) -> Fields | None:
    if key.kind == "price":
        if shown["source"] == "builtin":
            return None  # what a price of the file replaces
        return price_fields(models.Price.model_validate(shown).model_dump())
    if key.kind == "rate":
        return rate_fields(models.Rate.model_validate(shown))
    if key.kind == "token_cap":
        return {name: shown[name] for name in CAPS}
    return shown


def _may_change(existing: Existing, wanted: Objects) -> bool:
    """Whether a plan may change or delete a budget, so that its balance matters."""
    assert existing.facts is not None
    slug = existing.facts.slug
    fields = wanted.fields.get(Key("budget", slug)) if slug else None
    if fields is None:
        return existing.facts.stack == wanted.stack
    return fields != existing.fields


def _money(budget: models.Budget) -> dict[str, str] | None:
    if budget.balance is None:
        return None
    return {name: amount(getattr(budget.balance, name)) for name in MONEY}
