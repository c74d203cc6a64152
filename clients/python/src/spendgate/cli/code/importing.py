"""A file of what the service has."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from spendgate import Spendgate
from spendgate.cli.code import periods
from spendgate.cli.code.objects import (
    BUDGET_DEFAULTS,
    WARN_AT_PCT,
    Fields,
    Key,
    fields_of_budget,
    price_fields,
    rate_fields,
)
from spendgate.cli.code.state import CAPS, read_object

if TYPE_CHECKING:
    from spendgate import models

_SLUG_LENGTH_MAX = 64
_LEFT_OUT: Mapping[str, Any] = {**BUDGET_DEFAULTS, "warn_at_pct": list(WARN_AT_PCT)}
_TENANT_DEFAULTS: Mapping[str, Any] = {
    "name": None,
    "require_budget": False,
    "unpriced_model": "reject",
    "default_max_output_tokens": 4096,
    "default_agent": None,
    "fallback_models": [],
}


EXAMPLE = """\
# There is no budget yet. For example:
# defaults: {unit: usd, warn_at_pct: [50, 80, 95]}
# budgets:
#   every-agent-daily: {subject: "agent:*", limit: 10, period: day}
#   researcher: {subject: agent:researcher, limit: 50, soft_limit: 40, period: month}
"""


def file_of(client: Spendgate, stack: str) -> str:
    """The file that, applied with `--adopt`, changes only marks and slugs.

    Of a tenant without budgets it has an example, as a comment.
    """
    document: dict[str, Any] = {"version": 1, "stack": stack}
    budgets = _budgets(client.budgets.list(limit=100))
    parts = {
        "budgets": budgets,
        "token_caps": {cap.subject: _cap(cap) for cap in client.token_caps.list()},
        "prices": {
            f"{price.provider}/{price.model}": _numbers(price_fields(price.model_dump()))
            for price in client.prices.list()
        },
        "rates": {
            f"{rate.from_}/{rate.to}": _numbers(rate_fields(rate)) for rate in client.rates.list()
        },
        "tenant": _tenant(client),
    }
    document |= {name: part for name, part in parts.items() if part}
    return _yaml(document) + ("" if budgets else EXAMPLE)


def _cap(cap: models.TokenCap) -> dict[str, int]:
    caps = {name: getattr(cap, name) for name in CAPS}
    return {name: tokens for name, tokens in caps.items() if tokens is not None}


def _budgets(budgets: Iterable[models.Budget]) -> dict[str, Any]:
    listed = sorted(budgets, key=lambda budget: budget.created_at)
    taken = {budget.slug for budget in listed if budget.slug}
    named: dict[str, Any] = {}
    for budget in listed:
        slug = budget.slug or _free_slug(budget, taken)
        taken.add(slug)
        named[slug] = _entry(fields_of_budget(budget))
    return named


def _entry(fields: Fields) -> dict[str, Any]:
    entry = {
        name: value
        for name, value in fields.items()
        if name not in _LEFT_OUT or value != _LEFT_OUT[name]
    }
    entry["period"] = _short(entry["period"])
    if entry["period"] == "none":
        del entry["period"]
    numbers: dict[str, Any] = _numbers(entry, texts=("metadata",))
    return numbers


def _short(period: Mapping[str, Any]) -> Any:
    """A period as briefly as it can be written."""
    if period["type"] == "none":
        return "none"
    if period["type"] == "calendar":
        is_plain = period["timezone"] == "UTC" and "anchor" not in period
        return period["unit"] if is_plain else dict(period)
    return period["window"] if period["type"] == "duration" else f"rolling:{period['window']}"


def _free_slug(budget: models.Budget, taken: set[str]) -> str:
    """A slug from what a budget is on; a number makes it unique."""
    period = periods.normal(budget.period.model_dump())
    words = [budget.subject.replace("*", "every"), budget.unit, period.get("unit", period["type"])]
    text = re.sub(r"[^a-z0-9._-]+", "-", "-".join(words).lower()).strip("-._")
    base = text[: _SLUG_LENGTH_MAX - 4] or "budget"
    numbered = (base if number == 1 else f"{base}-{number}" for number in range(1, 10_000))
    return next(slug for slug in numbered if slug not in taken)


def _tenant(client: Spendgate) -> dict[str, Any]:
    shown = read_object(client, Key("tenant", "tenant")).fields or {}
    return {
        name: shown[name]
        for name, default in _TENANT_DEFAULTS.items()
        if shown.get(name, default) != default
    }


def _numbers(value: Any, *, texts: tuple[str, ...] = ()) -> Any:
    """Amounts as numbers, which a person would write."""
    if isinstance(value, Mapping):
        return {
            name: part if name in texts or name in _WORDS else _numbers(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


_WORDS = ("subject", "unit", "period", "name", "mode", "on_soft_limit", "currency")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def _yaml(document: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 100
    yaml.representer.add_representer(Decimal, _represent)
    stream = io.StringIO()
    yaml.dump(dict(document), stream)
    return stream.getvalue()


def _represent(representer: Any, value: Decimal) -> Any:
    text = format(value, "f")
    kind = "float" if "." in text else "int"
    return representer.represent_scalar(f"tag:yaml.org,2002:{kind}", text)
