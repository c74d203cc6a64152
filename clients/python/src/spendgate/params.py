"""What callers send.

Generated from the OpenAPI document by `make client-models`. Do not edit.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Required, TypedDict

Amount = Decimal | int | float | str
"""An exact decimal; a float counts as the digits that it prints."""


class NoPeriod(TypedDict, total=False):
    """A balance that never resets."""

    type: Required[Literal["none"]]
    """Of which kind it is."""


class CalendarPeriod(TypedDict, total=False):
    """A period of the calendar, in a time zone."""

    type: Required[Literal["calendar"]]
    """Of which kind it is."""
    unit: Required[Literal["hour", "day", "week", "month", "year"]]
    """hour, day, week (from Monday), month or year."""
    timezone: str
    """An IANA time zone."""


class DurationPeriod(TypedDict, total=False):
    """A fixed length that starts at the first use and restarts when it has elapsed."""

    seconds: int | None
    """The length of the period; send this or window."""
    window: str | None
    """The length of the period, such as 30m, 5h, 7d or 2w; send this or seconds."""
    type: Required[Literal["duration"]]
    """Of which kind it is."""


class RollingPeriod(TypedDict, total=False):
    """A sliding window."""

    seconds: int | None
    """The length of the period; send this or window."""
    window: str | None
    """The length of the period, such as 30m, 5h, 7d or 2w; send this or seconds."""
    type: Required[Literal["rolling"]]
    """Of which kind it is."""


class CarryOver(TypedDict, total=False):
    """What goes into the next period: what was not used, up to `max`, and what was overdrawn."""

    unused: bool
    """Whether what was not used goes into the next period."""
    max: Amount | None
    """How much of what was not used goes into the next period; null for all."""
    debt: bool
    """Whether an overrun is taken off the next period."""


class CreateBudget(TypedDict, total=False):
    """A new budget."""

    subject: Required[str]
    """Who or what spends, as type:id; type:* is the default of the type."""
    unit: Required[str]
    """What is counted: a lower-case word such as usd or tokens."""
    limit: Required[Amount]
    """What may be spent in one period. An exact decimal: at most 18 digits before the point
    and 9 after it."""
    soft_limit: Amount | None
    """The spent amount at which it warns or pauses; null for none."""
    on_soft_limit: Literal["warn", "pause"]
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: Sequence[int]
    """The parts of the limit, in per cent, from which on it warns."""
    period: NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod
    """Over which stretch of time the limit holds."""
    carry_over: CarryOver | None
    """What goes into the next period; null for nothing."""
    mode: Literal["enforce", "shadow"]
    """shadow decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    metadata: Mapping[str, Any]
    """Anything, up to 4 KB as JSON; kept and shown, never looked at."""


class CreateKey(TypedDict, total=False):
    """A new API key of the caller's tenant."""

    role: Required[Literal["admin", "caller", "reader"]]
    """What the key may do."""
    name: str | None
    """A name for people."""


class CreateTenant(TypedDict, total=False):
    """A new tenant."""

    tenant_id: Required[str]
    """The tenant."""
    name: str | None
    """A name for people."""
    require_budget: bool
    """Whether a request that no budget limits is refused."""
    unpriced_model: Literal["reject", "allow"]
    """What becomes of usage without a price: reject, or allow in tokens only."""


class Credit(TypedDict, total=False):
    """A top-up or refund; for a default, of the subject that it is for."""

    meter_source: str | None
    """Who counted it, for example the provider's answer."""
    ref_type: str | None
    """What kind of thing it was spent on."""
    ref_id: str | None
    """The id of what it was spent on, in a system of yours."""
    description: str | None
    """A sentence for people."""
    amount: Required[Amount]
    """How much more may be spent in the period in force. An exact decimal: at most 18 digits
    before the point and 9 after it."""
    subject: str | None
    """Whose counter is meant, where the budget is a default."""


class Extend(TypedDict, total=False):
    """The body of extend: the hold expires that long after now."""

    ttl_seconds: Required[int]
    """How long the hold lasts from now on."""


class PatchBudget(TypedDict, total=False):
    """A change to a budget: only what is named changes. `soft_limit`, `carry_over` and `name`
    may be set to null; any other null is refused."""

    limit: Amount
    """What may be spent in one period. An exact decimal: at most 18 digits before the point
    and 9 after it."""
    soft_limit: Amount | None
    """The spent amount at which it warns or pauses; null for none."""
    on_soft_limit: Literal["warn", "pause"]
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: Sequence[int]
    """The parts of the limit, in per cent, from which on it warns."""
    period: NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod
    """Over which stretch of time the limit holds."""
    carry_over: CarryOver | None
    """What goes into the next period; null for nothing."""
    mode: Literal["enforce", "shadow"]
    """shadow decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    metadata: Mapping[str, Any]
    """Anything, up to 4 KB as JSON; kept and shown, never looked at."""


class PatchTenant(TypedDict, total=False):
    """A change to the settings of the caller's tenant: only what is named changes."""

    name: str | None
    """A name for people."""
    require_budget: bool
    """Whether a request that no budget limits is refused."""
    unpriced_model: Literal["reject", "allow"]
    """What becomes of usage without a price: reject, or allow in tokens only."""


class Price(TypedDict, total=False):
    """What a model costs per million tokens; cached input costs the full rate if none is
    named."""

    input_per_million: Required[Amount]
    """The price of a million input tokens. An exact decimal: at most 18 digits before the
    point and 9 after it."""
    output_per_million: Required[Amount]
    """The price of a million output tokens. An exact decimal: at most 18 digits before the
    point and 9 after it."""
    cached_input_per_million: Amount | None
    """The price of a million cached input tokens; null for the full."""
    currency: str
    """The unit of the amount beside it."""


class Rate(TypedDict, total=False):
    """How much of one unit one of another is worth; older than the maximum age it is no rate."""

    rate: Required[Amount]
    """How much of the one unit one of the other is worth. An exact decimal: at most 18 digits
    before the point and 9 after it."""
    max_age_seconds: int | None
    """How long the rate may be used after it was set; null for ever."""


class ActualUsage(TypedDict, total=False):
    """What a call to a model used."""

    provider: Required[str]
    """Who runs the model."""
    model: Required[str]
    """The model as its provider names it."""
    input_tokens: Required[int]
    """The tokens of the prompt, cached ones included."""
    cached_input_tokens: int
    """The part of the input tokens that the provider had cached."""
    output_tokens: int
    """The tokens that the model wrote."""


class Record(TypedDict, total=False):
    """The body of a record: spend that was never reserved."""

    meter_source: str | None
    """Who counted it, for example the provider's answer."""
    ref_type: str | None
    """What kind of thing it was spent on."""
    ref_id: str | None
    """The id of what it was spent on, in a system of yours."""
    description: str | None
    """A sentence for people."""
    actual: Mapping[str, Amount] | None
    """What was spent, by unit."""
    usage: ActualUsage | None
    """The tokens of a call to a model, to be priced here."""
    subjects: Mapping[str, str]
    """Who or what spends: the id for each type."""


class EstimatedUsage(TypedDict, total=False):
    """What a call to a model may at most use; a model that writes nothing needs no maximum."""

    provider: Required[str]
    """Who runs the model."""
    model: Required[str]
    """The model as its provider names it."""
    input_tokens: Required[int]
    """The tokens of the prompt, cached ones included."""
    cached_input_tokens: int
    """The part of the input tokens that the provider had cached."""
    max_output_tokens: int
    """The most that the model may write."""


class Reserve(TypedDict, total=False):
    """The body of check and reserve."""

    subjects: Mapping[str, str]
    """Who or what spends: the id for each type."""
    amounts: Mapping[str, Amount]
    """What is to be held, by unit."""
    usage: EstimatedUsage | None
    """The tokens of a call to a model, to be priced here."""
    ttl_seconds: int
    """How long the hold lasts from now on."""
    metadata: Mapping[str, Any]
    """Anything, up to 4 KB as JSON; kept and shown, never looked at."""


class Settle(TypedDict, total=False):
    """The body of settle; with neither actual nor usage it settles at the estimate."""

    meter_source: str | None
    """Who counted it, for example the provider's answer."""
    ref_type: str | None
    """What kind of thing it was spent on."""
    ref_id: str | None
    """The id of what it was spent on, in a system of yours."""
    description: str | None
    """A sentence for people."""
    actual: Mapping[str, Amount] | None
    """What was spent, by unit."""
    usage: ActualUsage | None
    """The tokens of a call to a model, to be priced here."""


class TokenCap(TypedDict, total=False):
    """How many tokens one request of a subject may have; at least one of the three."""

    max_prompt_tokens: int | None
    """How many, at most, in one request; null for no cap."""
    max_completion_tokens: int | None
    """How many, at most, in one request; null for no cap."""
    max_total_tokens: int | None
    """How many, at most, in one request; null for no cap."""
