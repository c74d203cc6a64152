"""What a file of budgets may say. The JSON Schema of it is `spendgate schema`."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from spendgate.cli.code import periods
from spendgate.cli.values import amount

MARK = "spendgate:stack"
"""The field of a budget's metadata that names the stack to which it belongs."""

METADATA_BYTES_MAX = 4000
"""The service takes 4,096 bytes as JSON, with the mark of the stack."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORD = "[a-z][a-z0-9_]{0,31}"
_SLUG = "[a-z0-9][a-z0-9._-]{0,63}"


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        raise ValueError("write a number, such as 10 or 0.05")
    return value


def _subject(text: str) -> str:
    """Check the id of a subject by the rules of the service."""
    _, _, name = text.partition(":")
    if "*" in name and name != "*":
        raise ValueError(
            "a subject's id is * alone, for every subject of the type, or has no *: patterns such"
            " as team-* are not supported"
        )
    if _CONTROL.search(name):
        raise ValueError("a subject's id has no control characters")
    return text


def _agent(name: str) -> str:
    if name == "*":
        raise ValueError("* stands for every agent; name one")
    return _subject(f"agent:{name}").removeprefix("agent:")


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode())
    if size > METADATA_BYTES_MAX:
        raise ValueError(f"metadata has at most {METADATA_BYTES_MAX} bytes as JSON")
    return value


def _period(value: object) -> object:
    return periods.period_of(value) if isinstance(value, str) else value


def _window(text: str) -> str:
    periods.window_seconds(text)
    return text


Amount = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, max_digits=27, decimal_places=9)]
Rate = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, max_digits=27, decimal_places=9)]
Tokens = Annotated[int, Field(ge=0, strict=True)]
Word = Annotated[str, Field(pattern=f"^{_WORD}$")]
Slug = Annotated[str, Field(pattern=f"^{_SLUG}$")]
Subject = Annotated[
    str,
    Field(pattern=f"^{_WORD}:.{{1,256}}$", examples=["agent:researcher"]),
    AfterValidator(_subject),
]
Name = Annotated[str, Field(min_length=1, max_length=100)]
ModelName = Annotated[str, Field(pattern="^[^/]+/.+$", examples=["openai/my-finetune"])]
UnitPair = Annotated[str, Field(pattern=f"^{_WORD}/{_WORD}$", examples=["eur/usd"])]
Percent = Annotated[int, Field(ge=1, le=100, strict=True)]
Percents = Annotated[list[Percent], Field(max_length=10)]


class Part(BaseModel):
    """A part of the file; a field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Anchor(Part):
    """Where a period of the calendar turns."""

    month: Annotated[int, Field(ge=1, le=12)] | None = None
    day: Annotated[int, Field(ge=1, le=31)] | None = None
    weekday: (
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None
    ) = None
    hour: Annotated[int, Field(ge=0, le=23)] | None = None


class NoPeriod(Part):
    """A balance that never resets."""

    type: Literal["none"]


class CalendarPeriod(Part):
    """A period of the calendar, in a time zone."""

    type: Literal["calendar"]
    unit: Literal["hour", "day", "week", "month", "quarter", "year"]
    timezone: Annotated[str, AfterValidator(periods.check_timezone)] = "UTC"
    anchor: Anchor | None = None

    @model_validator(mode="after")
    def _anchor_fits(self) -> Self:
        if self.anchor is not None:
            periods.check_anchor(self.unit, self.anchor.model_dump(exclude_none=True))
        return self


class _Window(Part):
    window: Annotated[str, AfterValidator(_window)] | None = None
    seconds: Annotated[int, Field(ge=1, le=periods.WINDOW_SECONDS_MAX)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.window is None) == (self.seconds is None):
            raise ValueError("write either window, such as 5h, or seconds")
        return self


class DurationPeriod(_Window):
    """A fixed length that starts at the first use."""

    type: Literal["duration"]


class RollingPeriod(_Window):
    """A sliding window."""

    type: Literal["rolling"]


Period = Annotated[
    Annotated[
        NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod, Field(discriminator="type")
    ],
    BeforeValidator(_period, json_schema_input_type=str | dict[str, Any]),
]


class CarryOver(Part):
    """What goes into the next period."""

    unused: bool = False
    max: Amount | None = None
    debt: bool = False


class Defaults(Part):
    """What a budget has that does not say it itself."""

    unit: Word | None = None
    period: Period | None = None
    warn_at_pct: Percents | None = None
    mode: Literal["enforce", "shadow"] | None = None


class Budget(Part):
    """One budget; its key in the file is its slug."""

    subject: Subject
    limit: Amount
    unit: Word | None = None
    period: Period | None = None
    soft_limit: Amount | None = None
    on_soft_limit: Literal["warn", "pause"] = "warn"
    warn_at_pct: Percents | None = None
    carry_over: CarryOver | None = None
    mode: Literal["enforce", "shadow"] | None = None
    name: Name | None = None
    metadata: Annotated[dict[str, Any], AfterValidator(_metadata)] = Field(default_factory=dict)
    opening_spent: Literal["inherit"] | Amount | None = Field(
        default=None,
        description="What it starts with as spent, at its creation and at a change of period.",
    )

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.on_soft_limit == "pause" and self.soft_limit is None:
            raise ValueError("on_soft_limit: there is no soft_limit to pause at")
        if self.soft_limit is not None and self.soft_limit > self.limit:
            raise ValueError(
                f"soft_limit: {amount(self.soft_limit)} is above the limit of"
                f" {amount(self.limit)}; write {amount(self.limit)} or less"
            )
        if self.carry_over and self.carry_over.max is not None and not self.carry_over.unused:
            raise ValueError("carry_over.max limits what was not used; set unused to true as well")
        if self.opening_spent is not None and self.subject.endswith(":*"):
            raise ValueError("opening_spent is for a budget on one subject, not for a default")
        if MARK in self.metadata:
            raise ValueError(f"metadata: {MARK} is the mark of the stack; leave it out")
        return self


class TokenCap(Part):
    """How many tokens one request of a subject may have."""

    max_prompt_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    max_total_tokens: Tokens | None = None

    @model_validator(mode="after")
    def _caps_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("name at least one cap")
        return self


class _Rates(Part):
    cached_input_per_million: Amount | None = None
    cache_write_per_million: Amount | None = None
    cache_write_1h_per_million: Amount | None = None
    input_audio_per_million: Amount | None = None
    cached_audio_per_million: Amount | None = None
    output_audio_per_million: Amount | None = None


class PriceTier(_Rates):
    """Rates of requests with more input tokens."""

    above_input_tokens: Annotated[int, Field(ge=1)]
    input_per_million: Amount | None = None
    output_per_million: Amount | None = None


class Price(_Rates):
    """What a model costs; it replaces the built-in price whole."""

    input_per_million: Amount
    output_per_million: Amount
    per_request: Amount | None = None
    per_web_search: Amount | None = None
    tiers: Annotated[list[PriceTier], Field(max_length=8)] = Field(default_factory=list)
    service_tiers: dict[Literal["batch", "flex", "priority"], Amount] = Field(default_factory=dict)
    currency: Word = "usd"


class ConversionRate(Part):
    """How much of the second unit one of the first is worth."""

    rate: Rate
    max_age_seconds: Annotated[int, Field(ge=1)] | None = None


class Tenant(Part):
    """Settings of the tenant; those that are not named stay as they are."""

    name: Name | None = None
    require_budget: bool | None = None
    unpriced_model: Literal["reject", "allow"] | None = None
    default_max_output_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    default_agent: (
        Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_agent)] | None
    ) = None
    fallback_models: Annotated[list[ModelName], Field(max_length=10)] | None = None


class BudgetFile(Part):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", title="Budgets as code, for spendgate plan and apply")

    version: Literal[1]
    stack: Slug
    defaults: Defaults = Field(default_factory=Defaults)
    budgets: dict[Slug, Budget] = Field(default_factory=dict)
    token_caps: dict[Subject, TokenCap] = Field(default_factory=dict)
    prices: dict[ModelName, Price] = Field(default_factory=dict)
    rates: dict[UnitPair, ConversionRate] = Field(default_factory=dict)
    tenant: Tenant = Field(default_factory=Tenant)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a file."""
    schema = BudgetFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
