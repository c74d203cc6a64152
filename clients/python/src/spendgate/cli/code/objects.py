"""The objects of a file and of the service in one normal form, in which equal means no change.

Amounts are texts without trailing zeros, a period has its defaults, a left-out field has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from spendgate.cli.code import periods
from spendgate.cli.code.model import MARK, Budget, BudgetFile, Defaults
from spendgate.cli.values import amount

if TYPE_CHECKING:
    from spendgate import models

Kind = Literal["tenant", "price", "rate", "token_cap", "budget"]
KINDS: tuple[Kind, ...] = ("tenant", "price", "rate", "token_cap", "budget")
"""In the order in which they are changed: a budget may need the price and the rate."""

Fields = Mapping[str, Any]
Mistakes = list[tuple[Sequence[object], str]]

WARN_AT_PCT = (80,)
BUDGET_DEFAULTS: Mapping[str, Any] = {
    "soft_limit": None, "on_soft_limit": "warn", "carry_over": None, "mode": "enforce",
    "name": None, "metadata": {},
}  # fmt: skip
"""What a budget has that does not name the field; a plan shows `warn_at_pct` all the same."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What an object is and its name in the file."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.kind != "tenant" else "tenant"


@dataclass(frozen=True, slots=True)
class Objects:
    """What a file says that there shall be."""

    stack: str
    fields: Mapping[Key, Fields] = field(default_factory=dict)
    openings: Mapping[Key, str] = field(default_factory=dict)
    """What budgets start with as spent: `inherit` or an amount; it is sent and never compared."""


def objects_of(file: BudgetFile) -> tuple[Objects, Mistakes]:
    """The objects of a file, and what only the defaults together with a budget show as wrong."""
    fields: dict[Key, Fields] = {}
    openings: dict[Key, str] = {}
    mistakes: Mistakes = []
    named = file.tenant.model_dump(exclude_unset=True)
    if named:
        fields[Key("tenant", "tenant")] = named
    for model, price in file.prices.items():
        fields[Key("price", model)] = price_fields(price.model_dump())
    for pair, rate in file.rates.items():
        fields[Key("rate", pair)] = normal(rate.model_dump())
    for subject, cap in file.token_caps.items():
        fields[Key("token_cap", normal_subject(subject))] = cap.model_dump()
    for slug, budget in file.budgets.items():
        wanted = _budget_fields(budget, file.defaults)
        mistakes += [(("budgets", slug, *where), text) for where, text in _wrong_in(wanted)]
        fields[Key("budget", slug)] = wanted
        if budget.opening_spent is not None:
            openings[Key("budget", slug)] = amount(budget.opening_spent)
    return Objects(file.stack, fields, openings), mistakes


def fields_of_budget(budget: models.Budget) -> Fields:
    """A budget of the service."""
    metadata = {name: value for name, value in budget.metadata.items() if name != MARK}
    return normal(
        {
            "subject": budget.subject,
            "unit": budget.unit,
            "limit": budget.limit,
            "period": periods.normal(budget.period.model_dump()),
            "soft_limit": budget.soft_limit,
            "on_soft_limit": budget.on_soft_limit,
            "warn_at_pct": sorted(set(budget.warn_at_pct)),
            "carry_over": budget.carry_over and budget.carry_over.model_dump(include=_CARRY_OVER),
            "mode": budget.mode,
            "name": budget.name,
            "metadata": metadata,
        }
    )


_CARRY_OVER = {"unused", "max", "debt"}
_PRICE_DEFAULTS: Mapping[str, Any] = {"tiers": [], "service_tiers": {}, "currency": "usd"}
_OF_MODEL = {"provider", "model", "source", "table_date", "updated_at"}


def price_fields(price: Mapping[str, Any]) -> Fields:
    """A price; a rate that there is not is left out."""
    fields = {
        name: value
        for name, value in price.items()
        if name not in _OF_MODEL and value is not None and value != _PRICE_DEFAULTS.get(name, ())
    }
    if "tiers" in fields:
        tiers = sorted(fields["tiers"], key=lambda tier: int(tier["above_input_tokens"]))
        fields["tiers"] = [
            {name: rate for name, rate in tier.items() if rate is not None} for tier in tiers
        ]
    return normal(fields)


def rate_fields(rate: models.Rate) -> Fields:
    """A conversion rate of the service."""
    return normal({"rate": rate.rate, "max_age_seconds": rate.max_age_seconds})


def normal(fields: Mapping[str, Any]) -> Fields:
    """Fields as JSON holds them: amounts as texts without trailing zeros."""
    return {str(name): _plain(part) for name, part in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return normal(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return amount(value) if isinstance(value, Decimal) else _own_type(value)


def normal_subject(subject: str) -> str:
    """A subject as the service shows it: `org` is a spelling of `organization`."""
    kind, _, name = subject.partition(":")
    return f"organization:{name}" if kind == "org" else subject


def _budget_fields(budget: Budget, defaults: Defaults) -> Fields:
    period = budget.period or defaults.period
    carry_over = budget.carry_over
    warn_at_pct = budget.warn_at_pct if budget.warn_at_pct is not None else defaults.warn_at_pct
    return normal(
        {
            "subject": normal_subject(budget.subject),
            "unit": budget.unit or defaults.unit,
            "limit": budget.limit,
            "period": periods.normal(period.model_dump()) if period else {"type": "none"},
            "soft_limit": budget.soft_limit,
            "on_soft_limit": budget.on_soft_limit,
            "warn_at_pct": sorted(set(WARN_AT_PCT if warn_at_pct is None else warn_at_pct)),
            "carry_over": carry_over and carry_over.model_dump(),
            "mode": budget.mode or defaults.mode or "enforce",
            "name": budget.name,
            "metadata": budget.metadata,
        }
    )


def _wrong_in(budget: Fields) -> Mistakes:
    mistakes: Mistakes = []
    if budget["unit"] is None:
        mistakes.append(((), "unit: there is none here and none in defaults"))
    if budget["carry_over"] and budget["period"]["type"] not in ("calendar", "duration"):
        mistakes.append((("carry_over",), "carry_over: this period never resets"))
    return mistakes


def _own_type(value: Any) -> Any:
    """A value without the types by which the YAML library remembers how it was written."""
    for kind in (str, int, float):
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value
