"""What callers send.

Generated from the OpenAPI document by `make client-models`. Do not edit.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Required, TypedDict

Amount = Decimal | int | float | str
"""An exact decimal; a float counts as the digits that it prints."""


class Approve(TypedDict, total=False):
    """An approval; what is left out is as it was asked for."""

    amount: Amount | None
    """How much to credit; left out: what was asked for."""
    until: str | None
    """When the credit ends, to the second; left out: when was asked for; null: with the
    current period."""
    note: str | None
    """What to tell the caller."""


class ActualUsage(TypedDict, total=False):
    """What a call to a model used: by counts, or as the provider's own usage object says."""

    provider: Required[str]
    """The provider that runs the model."""
    model: Required[str]
    """The model, as its provider names it."""
    input_tokens: int | None
    """All tokens that go in: fresh, cached, written to a cache, audio."""
    cached_input_tokens: int
    """The part of the input tokens that was read from a cache."""
    cache_write_tokens: int
    """The part of the input tokens that was written to a cache."""
    cache_write_1h_tokens: int
    """The part of the cache writes that is kept for an hour."""
    input_audio_tokens: int
    """The part of the input tokens that is audio."""
    cached_audio_tokens: int
    """The part of the cached input tokens that is audio."""
    output_audio_tokens: int
    """The part of the output tokens that is audio."""
    reasoning_tokens: int
    """The part of the output tokens that is reasoning."""
    requests: int
    """How many calls are billed."""
    web_searches: int
    """How many web searches are billed."""
    service_tier: Literal["standard", "batch", "flex", "priority"]
    """The service tier of the provider: standard, batch, flex or priority."""
    output_tokens: int
    """All tokens that the model wrote."""
    provider_usage: Mapping[str, Any] | None
    """The provider's own usage object, in place of the counts (OpenAI, Anthropic, ...)."""


class Entry(TypedDict, total=False):
    """One call of a lease, or several that are alike: a line of the usage log."""

    amounts: Mapping[str, Amount]
    """What they cost, by unit."""
    usage: ActualUsage | None
    """The tokens that they used; the amounts say what they cost."""
    calls: int | None
    """How many calls the entry stands for; left out: the billed calls of its usage, or 1."""
    subjects: Mapping[str, str]
    """Subjects that the lease does not name, for example the session."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    metadata: Mapping[str, Any]
    """Your own data about the calls, up to 512 bytes."""


class Capture(TypedDict, total=False):
    """The body of capture: the totals of a lease since its start."""

    actual: Mapping[str, Amount]
    """All that was spent since the start, by unit; a total only grows."""
    returned: Mapping[str, Amount]
    """All that is given back since the start, by unit; a total only grows."""
    since: Mapping[str, Amount]
    """The `actual` of the last capture: the entries explain what was spent above it."""
    entries: Sequence[Entry]
    """The calls that explain what was spent since then, as lines of the usage log. What they
    do not explain becomes one line without attribution."""


class NoPeriod(TypedDict, total=False):
    """A balance that never resets."""

    type: Required[Literal["none"]]
    """The kind of period."""


class Anchor(TypedDict, total=False):
    """Where a calendar period turns: a billing day, a reset hour, the first day of the week."""

    month: int | None
    """The month of a year, or the month within a quarter (1 to 3)."""
    day: int | None
    """The day of the month; a shorter month turns on its last day."""
    weekday: (
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None
    )
    """The first day of a week."""
    hour: int | None
    """The hour, on the clocks of the time zone."""


class CalendarPeriod(TypedDict, total=False):
    """A period of the calendar, in a time zone."""

    type: Required[Literal["calendar"]]
    """The kind of period."""
    unit: Required[Literal["hour", "day", "week", "month", "quarter", "year"]]
    """hour, day, week, month, quarter or year."""
    timezone: str
    """An IANA time zone."""
    anchor: Anchor | None
    """Where the period turns; without it where the calendar turns. day takes hour; week takes
    weekday, hour; month takes day, hour; quarter and year take month, day, hour."""


class DurationPeriod(TypedDict, total=False):
    """A fixed length that starts at the first use and restarts when it has elapsed."""

    seconds: int | None
    """The length of the period in seconds; send this or window."""
    window: str | None
    """The length of the period, such as 30 min, 5h, 7d or 2 weeks; send this or seconds."""
    type: Required[Literal["duration"]]
    """The kind of period."""


class RollingPeriod(TypedDict, total=False):
    """A sliding window."""

    seconds: int | None
    """The length of the period in seconds; send this or window."""
    window: str | None
    """The length of the period, such as 30 min, 5h, 7d or 2 weeks; send this or seconds."""
    type: Required[Literal["rolling"]]
    """The kind of period."""


class CarryOver(TypedDict, total=False):
    """What goes into the next period: what was not used, up to `max`, and what was overdrawn."""

    unused: bool
    """Whether what was not used is carried over."""
    max: Amount | None
    """How much of what was not used is carried over at most; null: all."""
    debt: bool
    """Whether an overrun is subtracted from the next period."""


class CreateBudget(TypedDict, total=False):
    """A new budget."""

    subject: Required[str]
    """The subject of the budget, as type:id; type:* is the default of the type."""
    unit: Required[str]
    """What is counted: a lower-case word such as usd or tokens."""
    limit: Required[Amount]
    """What may be spent in one period. An exact decimal: at most 18 digits before the point
    and 9 after it."""
    soft_limit: Amount | None
    """The spent amount at which the budget warns or pauses; null: none."""
    on_soft_limit: Literal["warn", "pause"]
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: Sequence[int]
    """The percentages of the limit from which on the budget warns."""
    period: NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod
    """Over which periods the limit holds."""
    carry_over: CarryOver | None
    """What a period carries over to the next one; null: nothing."""
    mode: Literal["enforce", "shadow"]
    """A budget in shadow mode decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    metadata: Mapping[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""
    opening_spent: Literal["inherit"] | Amount | None
    """What a budget on one subject, or its new period, starts with as spent in the current
    period: an amount, or inherit for what was spent under the default or in the period that
    it replaces."""
    slug: str | None
    """A name for tools, unique in the tenant; null: none."""


class CreateIncreaseRequest(TypedDict, total=False):
    """A request for more on a budget."""

    budget_id: str | None
    """The budget, as a refusal names it; or send subject and unit."""
    subject: str | None
    """Who wants to spend more, as type:id; needed if the budget is a default."""
    unit: str | None
    """In which unit; of the budgets on the subject, the one with the least left is meant."""
    amount: Required[Amount]
    """How much more, in the unit of the budget. An exact decimal: at most 18 digits before the
    point and 9 after it."""
    until: str | None
    """Until when, to the second, and at least a minute from now; null: for the current period
    of the budget."""
    reason: Required[str]
    """Why, for the person who decides."""


class CreateKey(TypedDict, total=False):
    """A new API key of the caller's tenant."""

    role: Required[Literal["admin", "approver", "caller", "reader"]]
    """What the key may do."""
    name: str | None
    """A name for people."""
    subjects: Mapping[str, str]
    """Subjects that are part of every request that spends with the key, which must be a
    caller; another value is refused with 403."""
    expires_at: str | None
    """The first moment at which the key is invalid; null: it does not expire."""
    max_amount: Amount | None
    """The most that the key, which must be an approver, approves at once, in the unit of the
    budget; null: any amount."""


class CreateNotification(TypedDict, total=False):
    """A new target of notifications."""

    format: Required[Literal["slack", "teams", "webhook"]]
    """How messages are written: for an incoming webhook of Slack, for a Workflows webhook of
    Teams, or as a signed event (Standard Webhooks)."""
    url: Required[str]
    """Where messages are posted: https on port 443, by a host name. It is never shown again: a
    response has its host and its last four characters."""
    event_types: Required[
        Sequence[
            Literal[
                "budget.threshold_reached",
                "budget.exhausted",
                "budget.paused",
                "budget.resumed",
                "budget.period_closed",
                "budget.changed",
                "reservation.expired",
                "reservation.overrun",
                "request.opened",
                "request.approved",
                "request.denied",
                "request.expired",
            ]
        ]
    ]
    """The types of the events that are sent."""
    subject_prefix: str | None
    """Only events whose subject, as type:id, begins so are sent, such as agent: or
    agent:research-; null: all."""


class CreateTenant(TypedDict, total=False):
    """A new tenant."""

    tenant_id: Required[str]
    """The id of the tenant."""
    name: str | None
    """A name for people."""
    require_budget: bool
    """Whether a request to which no budget applies is refused."""
    unpriced_model: Literal["reject", "allow"]
    """What happens to usage of a model without a price: reject, or allow in tokens only."""
    default_max_output_tokens: int
    """How many output tokens are held for a usage without max_output_tokens."""
    default_agent: str | None
    """The agent that a request counts for if it names none; null: no agent."""
    fallback_models: Sequence[str]
    """Models, as provider/model, that refusals and checks name if they fit."""


class Credit(TypedDict, total=False):
    """A top-up, refund or correction; for a default, of the subject that it is for."""

    meter_source: str | None
    """Who counted the usage, for example the provider's response."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    description: str | None
    """A sentence for people."""
    amount: Required[Amount]
    """How much more may be spent in the current period; a negative amount is a correction,
    down to what is still available. An exact decimal: at most 18 digits before the point
    and 9 after it."""
    subject: str | None
    """The subject whose balance is credited, if the budget is a default."""
    expires_at: str | None
    """When the credit ends, as RFC 3339, to the second; left out: with the current period.
    With a negative amount: the end of the credit that is corrected."""


class Deny(TypedDict, total=False):
    """A denial."""

    note: str | None
    """What to tell the caller."""


class Extend(TypedDict, total=False):
    """The body of extend: the hold expires that long after now, or a lease grows, or both."""

    ttl_seconds: int | None
    """How long the hold lasts from now on; left out: as it is."""
    amounts: Mapping[str, Amount] | None
    """All that shall be granted since the start, by unit. What is more than before is held on
    every budget that applies, all or none; a total that is not larger changes nothing."""
    models: Sequence[str]
    """Models whose prices the response shall carry, as provider/model."""


class PatchBudget(TypedDict, total=False):
    """A change to a budget: only what is named changes. `soft_limit`, `carry_over`, `name` and
    `slug` may be set to null; any other null is refused."""

    limit: Amount
    """An exact decimal: at most 18 digits before the point and 9 after it."""
    soft_limit: Amount | None
    """The spent amount at which the budget warns or pauses; null: none."""
    on_soft_limit: Literal["warn", "pause"]
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: Sequence[int]
    """The percentages of the limit from which on the budget warns."""
    period: NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod
    """Over which periods the limit holds."""
    carry_over: CarryOver | None
    """What a period carries over to the next one; null: nothing."""
    mode: Literal["enforce", "shadow"]
    """A budget in shadow mode decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    slug: str | None
    """A name for tools, unique in the tenant; null: none."""
    metadata: Mapping[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""
    opening_spent: Literal["inherit"] | Amount
    """What a budget on one subject, or its new period, starts with as spent in the current
    period: an amount, or inherit for what was spent under the default or in the period that
    it replaces."""


class PatchNotification(TypedDict, total=False):
    """A change of a target; what is left out stays."""

    url: str
    """Where messages are posted: https on port 443, by a host name. It is never shown again: a
    response has its host and its last four characters."""
    event_types: Sequence[
        Literal[
            "budget.threshold_reached",
            "budget.exhausted",
            "budget.paused",
            "budget.resumed",
            "budget.period_closed",
            "budget.changed",
            "reservation.expired",
            "reservation.overrun",
            "request.opened",
            "request.approved",
            "request.denied",
            "request.expired",
        ]
    ]
    """The types of the events that are sent."""
    subject_prefix: str | None
    """Only events whose subject, as type:id, begins so are sent, such as agent: or
    agent:research-; null: all."""


class PatchTenant(TypedDict, total=False):
    """A change to the settings of the caller's tenant: only what is named changes."""

    name: str | None
    """A name for people."""
    require_budget: bool
    """Whether a request to which no budget applies is refused."""
    unpriced_model: Literal["reject", "allow"]
    """What happens to usage of a model without a price: reject, or allow in tokens only."""
    default_max_output_tokens: int
    """How many output tokens are held for a usage without max_output_tokens."""
    default_agent: str | None
    """The agent that a request counts for if it names none; null: no agent."""
    fallback_models: Sequence[str]
    """Models, as provider/model, that refusals and checks name if they fit."""


class PriceTier(TypedDict, total=False):
    """Rates of requests with more input tokens than that; the others stay."""

    cached_input_per_million: Amount | None
    """The price of a million cached input tokens."""
    cache_write_per_million: Amount | None
    """The price of a million tokens written to a cache."""
    cache_write_1h_per_million: Amount | None
    """The price of a million tokens written to a cache for an hour."""
    input_audio_per_million: Amount | None
    """The price of a million input tokens of audio."""
    cached_audio_per_million: Amount | None
    """The price of a million cached input tokens of audio."""
    output_audio_per_million: Amount | None
    """The price of a million output tokens of audio."""
    above_input_tokens: Required[int]
    """The tier applies to requests with more input tokens than this."""
    input_per_million: Amount | None
    """The price of a million input tokens."""
    output_per_million: Amount | None
    """The price of a million output tokens."""


class Price(TypedDict, total=False):
    """What a model costs per million tokens of each kind, per call and per web search. It
    replaces the built-in price whole. Cached input costs the input rate, and reasoning the
    output rate, unless they have their own; any other kind without a rate is refused."""

    cached_input_per_million: Amount | None
    """The price of a million cached input tokens."""
    cache_write_per_million: Amount | None
    """The price of a million tokens written to a cache."""
    cache_write_1h_per_million: Amount | None
    """The price of a million tokens written to a cache for an hour."""
    input_audio_per_million: Amount | None
    """The price of a million input tokens of audio."""
    cached_audio_per_million: Amount | None
    """The price of a million cached input tokens of audio."""
    output_audio_per_million: Amount | None
    """The price of a million output tokens of audio."""
    input_per_million: Required[Amount]
    """The price of a million input tokens. A decimal of at most 18 digits before the point;
    more than 9 fractional digits are rounded up to the next billionth."""
    output_per_million: Required[Amount]
    """The price of a million output tokens. A decimal of at most 18 digits before the point;
    more than 9 fractional digits are rounded up to the next billionth."""
    per_request: Amount | None
    """The price of one call, beside its tokens."""
    per_web_search: Amount | None
    """The price of one web search."""
    tiers: Sequence[PriceTier]
    """Rates of large requests, each for all tokens of a request above its threshold."""
    service_tiers: Mapping[str, Amount]
    """The factor on the price of tokens in a service tier, such as 0.5 for batch."""
    currency: str
    """The unit of the prices."""


class PutBudget(TypedDict, total=False):
    """A budget as it shall be, under its slug; what is left out has its default."""

    subject: Required[str]
    """The subject of the budget, as type:id; type:* is the default of the type."""
    unit: Required[str]
    """What is counted: a lower-case word such as usd or tokens."""
    limit: Required[Amount]
    """What may be spent in one period. An exact decimal: at most 18 digits before the point
    and 9 after it."""
    soft_limit: Amount | None
    """The spent amount at which the budget warns or pauses; null: none."""
    on_soft_limit: Literal["warn", "pause"]
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: Sequence[int]
    """The percentages of the limit from which on the budget warns."""
    period: NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod
    """Over which periods the limit holds."""
    carry_over: CarryOver | None
    """What a period carries over to the next one; null: nothing."""
    mode: Literal["enforce", "shadow"]
    """A budget in shadow mode decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    metadata: Mapping[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""
    opening_spent: Literal["inherit"] | Amount | None
    """What a budget on one subject, or its new period, starts with as spent in the current
    period: an amount, or inherit for what was spent under the default or in the period that
    it replaces."""


class Rate(TypedDict, total=False):
    """How much of one unit one of another is worth; older than the maximum age it is no rate."""

    rate: Required[Amount]
    """How much of the second unit one of the first is worth. An exact decimal: at most 18
    digits before the point and 9 after it."""
    max_age_seconds: int | None
    """How long the rate is valid after it was set; null: without limit."""


class Record(TypedDict, total=False):
    """The body of a record: spend that was never reserved."""

    meter_source: str | None
    """Who counted the usage, for example the provider's response."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    description: str | None
    """A sentence for people."""
    actual: Mapping[str, Amount] | None
    """What was spent, by unit."""
    usage: ActualUsage | None
    """The tokens of a call to a model, which the service prices."""
    subjects: Mapping[str, str]
    """Who or what spends: the id of each type."""
    metadata: Mapping[str, Any]
    """Your own data about the spend, shown in the usage log."""
    occurred_at: str | None
    """When it was spent, as RFC 3339: up to 35 days ago, and less than the retention. Left
    out: now, or when the message was first sent."""


class EstimatedUsage(TypedDict, total=False):
    """What a call to a model may at most use; a model that writes nothing needs no maximum."""

    provider: Required[str]
    """The provider that runs the model."""
    model: Required[str]
    """The model, as its provider names it."""
    input_tokens: Required[int]
    """All tokens that go in: fresh, cached, written to a cache, audio."""
    cached_input_tokens: int
    """The part of the input tokens that was read from a cache."""
    cache_write_tokens: int
    """The part of the input tokens that was written to a cache."""
    cache_write_1h_tokens: int
    """The part of the cache writes that is kept for an hour."""
    input_audio_tokens: int
    """The part of the input tokens that is audio."""
    cached_audio_tokens: int
    """The part of the cached input tokens that is audio."""
    output_audio_tokens: int
    """The part of the output tokens that is audio."""
    reasoning_tokens: int
    """The part of the output tokens that is reasoning."""
    requests: int
    """How many calls are billed."""
    web_searches: int
    """How many web searches are billed."""
    service_tier: Literal["standard", "batch", "flex", "priority"]
    """The service tier of the provider: standard, batch, flex or priority."""
    max_output_tokens: int | None
    """The most that the model may write; without it the tenant's default is held."""
    min_output_tokens: int | None
    """The least output that is of use: if the whole does not fit, as many output tokens as fit
    are held, and never less than these."""


class Reserve(TypedDict, total=False):
    """The body of check and reserve."""

    subjects: Mapping[str, str]
    """Who or what spends: the id of each type."""
    amounts: Mapping[str, Amount]
    """The amounts to hold, by unit."""
    min_amounts: Mapping[str, Amount]
    """The least of the amounts, by unit: if the whole does not fit, all amounts shrink by one
    factor, and what fits is held if it is not below these."""
    usage: EstimatedUsage | None
    """The tokens of a call to a model, which the service prices."""
    ttl_seconds: int
    """How long the hold lasts from now on."""
    metadata: Mapping[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""
    on_expiry: Literal["release", "charge"]
    """What becomes of what is neither captured nor settled when the hold expires: it is free
    again (release), or counts as spent (charge)."""
    models: Sequence[str]
    """Models whose prices the response shall carry, as provider/model: a lease prices its
    calls by them."""


class Reverse(TypedDict, total=False):
    """The body of a reversal."""

    reason: str | None
    """Why; it is the description of the ledger entries."""


class RotateKey(TypedDict, total=False):
    """A new secret for an API key."""

    grace_seconds: int
    """How long the secrets before this one stay valid at most; 0: they end now."""


class Settle(TypedDict, total=False):
    """The body of settle; with neither actual nor usage it settles at the estimate."""

    meter_source: str | None
    """Who counted the usage, for example the provider's response."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    description: str | None
    """A sentence for people."""
    actual: Mapping[str, Amount] | None
    """What was spent, by unit."""
    usage: ActualUsage | None
    """The tokens of a call to a model, which the service prices."""


class TokenCap(TypedDict, total=False):
    """How many tokens one request of a subject may have; at least one of the three."""

    max_prompt_tokens: int | None
    """How many prompt tokens one request may have; null: no cap."""
    max_completion_tokens: int | None
    """How many completion tokens one request may have; null: no cap."""
    max_total_tokens: int | None
    """How many tokens one request may have in all; null: no cap."""
