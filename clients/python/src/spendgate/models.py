"""What the service sends.

Generated from the OpenAPI document by `make client-models`. Do not edit.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """The base of every response; fields that a newer service adds are kept."""

    model_config = ConfigDict(extra="allow", defer_build=True, populate_by_name=True)


class PendingIncrease(Model):
    """What the caller's key has asked for and what waits for a decision."""

    id: str
    """The id of the increase request."""
    amount: Decimal
    """How much more was asked for."""
    until: datetime | None
    """Until when; null: for the current period."""


class AllowanceBudget(Model):
    """One budget that applies."""

    currency: str
    """The unit of the amounts."""
    limit: Decimal
    """What may be spent in one period."""
    balance: Decimal
    """What can be granted now."""
    soft_limit: Decimal | None
    """The spent amount at which the budget warns or pauses; null: none."""
    percent_remaining: float
    """How much of the limit is not spent, in per cent."""
    status: str
    """The first that applies of paused, exhausted, warning, active."""
    asked: PendingIncrease | None = None
    """Sent while the caller's key waits for more on it."""


class Alternative(Model):
    """A fallback model that fits now, with the same input and at most the same output."""

    provider: str
    """The provider that runs the model."""
    model: str
    """The model, as the tenant's fallback_models name it."""
    max_output_tokens: int
    """The most output tokens that fit, up to those asked for."""
    amounts: dict[str, Decimal]
    """The amounts that a reservation of that would hold, by unit."""


class Allowance(Model):
    """What a caller may spend now."""

    status: str
    """The most restrictive of the budgets: exhausted before paused."""
    summary: str
    """One sentence about the budget that limits a request most."""
    max_amounts: dict[str, Decimal]
    """The most that a request may ask for now, by unit; absent: not limited."""
    hint: str
    """One sentence that an agent can act on, as in a check."""
    budgets: list[AllowanceBudget]
    """The budgets that apply, in the order of refusals."""
    alternatives: list[Alternative] | None = None
    """Of a call to a model, if the tenant has fallback_models: those that fit now."""


class Difference(Model):
    """A number of a counter, or of the usage log, that is not what the ledger adds up to."""

    subject: str
    """The subject whose counter it is, as type:id."""
    period_key: str
    """The key of the counter's period."""
    balance: str
    """Which number differs: entitlement is the limit with credits and what was carried in,
    carried is what was carried in less what was carried out; usage_log is what was spent by
    the usage log."""
    expected: Decimal
    """What the ledger adds up to."""
    found: Decimal
    """What the counter, or the usage log, says."""


class Audit(Model):
    """What was compared, and what differs."""

    budget_id: str
    """The budget that was audited."""
    counters: int
    """How many counters were compared."""
    entries: int
    """How many ledger entries were added up."""
    records: int | None
    """How many usage records of the budget were added up. Null where the tenant has more than
    100,000 records on the days of its periods: the audit of the whole table compares them."""
    differences: list[Difference]
    """Every number that does not equal the ledger; empty if all are equal."""
    next_cursor: str | None
    """Where the next page begins; null on the last page."""


class Period(Model):
    """One period of a budget."""

    type: str
    """The kind of period: none, calendar, duration or rolling."""
    key: str
    """The key of the period, unique within the budget."""
    starts_at: datetime | None
    """The first moment of the period; null: no start."""
    ends_at: datetime | None
    """The first moment after the period; null: no end."""


class Forecast(Model):
    """When the limit is reached if spending goes on at its mean rate."""

    burn_rate_per_hour: Decimal
    """What was spent per hour on average since the period began."""
    limit_reached_at: datetime | None
    """When nothing is left at the burn rate; null if the period ends first."""


class Balance(Model):
    """A budget's balance for one subject and period."""

    budget_id: str
    """The budget that the balance belongs to."""
    name: str | None
    """The budget's name for people."""
    subject: str
    """The subject that spends, as type:id."""
    unit: str
    """The unit of the amounts: a lower-case word such as usd or tokens."""
    period: Period
    """The period that the balance is of."""
    limit: Decimal
    """What may be spent in one period."""
    credits: Decimal
    """Top-ups and refunds in the period."""
    carried_in: Decimal
    """What was carried over from the previous period; negative for a debt."""
    soft_limit: Decimal | None
    """The spent amount at which the budget warns or pauses; null: none."""
    spent: Decimal
    """What was spent in the period."""
    held: Decimal
    """What open reservations hold."""
    available: Decimal
    """What can be granted now: limit, credits and what was carried over, less spent and held;
    below 0 after an overrun."""
    overrun: Decimal
    """By how much the spent amount is above the limit."""
    utilization_pct: float
    """How much of the limit is spent, in per cent."""
    percent_remaining: float
    """How much of the limit is not spent, in per cent; holds do not count."""
    status: str
    """The first that applies of disabled, paused, exhausted, warning, active."""
    resets_at: datetime | None
    """When what was spent stops counting; null where nothing resets."""
    resets_in_seconds: int | None
    """The same in seconds from now, at least 1."""
    forecast: Forecast | None
    """When the limit is reached at the mean rate so far; null without a period."""


class Anchor(Model):
    """Where a calendar period turns: the fields that its unit has."""

    month: int | None = None
    """The month of a year, or within a quarter."""
    day: int | None = None
    """The day of the month, or its last one."""
    weekday: str | None = None
    """The first day of a week."""
    hour: int | None = None
    """The hour, on the clocks of the time zone."""


class PeriodRule(Model):
    """Over which periods the limit of a budget holds."""

    type: str
    """The kind of period."""
    unit: str | None = None
    """hour, day, week, month, quarter or year."""
    timezone: str | None = None
    """An IANA time zone."""
    anchor: Anchor | None = None
    """Where the period turns, if not where the calendar turns."""
    seconds: int | None = None
    """The length of the period in seconds."""
    window: str | None = None
    """The same as text, such as 30m, 5h, 7d or 2w."""


class CarryOver(Model):
    """What a period carries over to the next one."""

    unused: bool
    """Whether what was not used is carried over."""
    max: Decimal | None
    """How much of what was not used is carried over at most; null: all."""
    debt: bool
    """Whether an overrun is subtracted from the next period."""


class Replaced(Model):
    """What was spent and held where the budget does not count it."""

    budget_id: str
    """The id of the budget that counted it."""
    name: str | None
    """A name for people."""
    subject: str
    """The subject of that budget, as type:id; type:* is a default."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    period: Period
    """The period in which it was counted."""
    spent: Decimal
    """What was spent; send opening_spent to count it in the budget."""
    held: Decimal
    """What is held and will be settled there."""


class Budget(Model):
    """A budget."""

    budget_id: str
    """The id of the budget."""
    subject: str
    """The subject that the budget is on, as type:id; type:* is the default of the type."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    limit: Decimal
    """What may be spent in one period."""
    soft_limit: Decimal | None
    """The spent amount at which the budget warns or pauses; null: none."""
    on_soft_limit: str
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: list[int]
    """The percentages of the limit from which on the budget warns."""
    period: PeriodRule
    """Over which periods the limit holds."""
    carry_over: CarryOver | None
    """What a period carries over to the next one; null: nothing."""
    mode: str
    """A budget in shadow mode decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    slug: str | None
    """A name for tools, unique in the tenant; null: none."""
    metadata: dict[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""
    status: str
    """The first that applies of disabled, paused, exhausted, warning, active."""
    version: int
    """The version of the subject's policy; every change to its budgets increases it."""
    revision: int
    """The budget's own revision, in quotation marks its ETag; every change to the budget
    increases it, and nothing else does."""
    created_at: datetime
    """When the budget was created."""
    updated_at: datetime
    """When the budget was last changed."""
    warnings: list[str] | None = None
    """Sentences about what was created or changed; absent where there are none."""
    replaces: list[Replaced] | None = None
    """What no longer counts: of the defaults that the budget replaces, or of its period
    before; absent where nothing was left behind."""
    balance: Balance | None = None
    """The balance of the current period; a default has one per subject."""


class FieldChange(Model):
    """One field that was changed."""

    field: str
    """The name of the field."""
    from_: Any = Field(..., alias="from")
    """Its value before the change; null: none."""
    to: Any
    """Its value after the change; null: none."""


class Change(Model):
    """A change by an admin or operator."""

    id: str
    """The id of the entry."""
    at: datetime
    """When it was changed."""
    key_id: str | None
    """The API key that changed it; null for a command on the table."""
    key_name: str | None
    """The name of that key."""
    role: str
    """The role of that key."""
    actor: str | None
    """For whom the key acted: the header Spendgate-Actor of the request."""
    reason: str | None
    """Why: the header Spendgate-Reason, or else the reason of a reversal."""
    request_id: str | None
    """The id of the request, also in the logs."""
    action: str
    """What was done."""
    object: str
    """An id, or price:openai/gpt-4o, rate:eur/usd, token_cap:agent:*, tenant."""
    changes: list[FieldChange]
    """Every field that was changed."""


class GrantedUsage(Model):
    """What is granted of a usage that named a minimum."""

    max_output_tokens: int
    """The most output tokens that the call may have."""


class Check(Model):
    """What a reservation of the same request would meet now."""

    message: str | None
    """A sentence for people; null if nothing restricts."""
    error_code: str | None
    """The code with which a reservation would be refused; null if granted."""
    budget_id: str | None
    """The most restrictive budget."""
    balance: Decimal | None
    """What the most restrictive budget has available."""
    currency: str | None
    """The unit of the balance."""
    retry_after_seconds: int | None
    """In how many seconds to retry; null if waiting does not help."""
    alternatives: list[Alternative] | None = None
    """Of a usage, if the tenant has fallback_models: those that fit, cheapest first."""
    amounts: dict[str, Decimal] | None = None
    """Sent if the request named a minimum: what would be held, by unit."""
    usage: GrantedUsage | None = None
    """Sent if the usage named min_output_tokens: how much of it would be granted."""
    action: str
    """What to do: continue, warn (go on, but consider the warnings), pause or stop."""
    allowed: bool
    """Whether a reservation of the same body would be granted now."""
    warnings: list[str]
    """A sentence for each budget past a threshold, and each shadow that would refuse."""
    unpriced: bool
    """Whether a usage counts in tokens only, because its model has no price."""
    unbudgeted: bool
    """Whether it is allowed and no budget applies, so that nothing limits it."""
    may_request_increase: bool
    """Whether the caller may ask for more on the budgets that are spent."""
    hint: str
    """One sentence that an agent can act on."""
    budgets: list[Balance]
    """The balance of every budget that applies, in the order of refusals."""


class Credit(Model):
    """The ledger entry of a credit, with the balance after it."""

    id: str
    """The id of the entry."""
    budget_id: str
    """The budget that the entry belongs to."""
    subject: str
    """The subject whose balance it changes, as type:id."""
    period_key: str
    """The key of the period that the entry belongs to."""
    amount: Decimal
    """The amount: a debit is positive, a credit negative."""
    unit: str
    """The unit of the amount."""
    meter_source: str | None
    """Who counted the usage, for example the provider's response."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    session_id: str | None
    """The id of the session among the subjects, if any."""
    reservation_id: str | None
    """The reservation that was settled, if any."""
    description: str | None
    """A sentence for people."""
    kind: str
    """Whether the amount was spent, credited, taken off because a credit expired, carried over
    from or to another period, spent before the budget counted (opening), or spent and
    reversed."""
    expires_at: datetime | None
    """When the credit expires; null: with its period."""
    created_at: datetime
    """When the entry was written."""
    original_amount: Decimal | None
    """What was spent, in `original_unit`; null: nothing was converted."""
    original_unit: str | None
    """The unit from which the amount was converted."""
    rate: Decimal | None
    """How much of the budget's unit one of `original_unit` was worth."""
    balance: Balance
    """The balance of the current period."""


class ViolatedPeriod(Model):
    """The period in which a budget refused."""

    type: str
    """The kind of period."""
    key: str
    """The key of the period, unique within the budget."""
    resets_at: datetime | None
    """When what was spent stops counting; null where nothing resets."""


class Violation(Model):
    """Why one budget refused a request."""

    budget_id: str
    """The budget that refused."""
    name: str | None
    """The budget's name for people."""
    subject: str
    """The subject whose balance it is, as type:id."""
    scope: str
    """The type of the subject."""
    unit: str
    """The unit of the amounts."""
    period: ViolatedPeriod
    """The period in which it refused."""
    limit: Decimal
    """What may be spent in one period."""
    credits: Decimal
    """Top-ups and refunds in the period."""
    spent: Decimal
    """What was spent in the period."""
    held: Decimal
    """What open reservations hold."""
    available: Decimal
    """What can be granted now."""
    requested: Decimal
    """What the request asked of the budget, in its unit."""
    blocked_by: str
    """held: it fits once open reservations end; spent: it does not; pause: it is paused."""
    held_until: datetime | None
    """When enough holds have expired at the latest; null unless blocked by held."""
    retry_after_seconds: int | None
    """In how many seconds to retry; null if waiting does not help."""


class Line(Model):
    """The `Line` object."""

    budget_id: str
    """The budget on which the amount was held."""
    subject: str
    """The subject whose balance it is, as type:id."""
    unit: str
    """The budget's unit."""
    period_key: str
    """The key of the period in which it was held."""
    amount: Decimal
    """What was held, in the budget's unit."""
    from_: str | None = Field(..., alias="from")
    """The unit of the request that was converted; null: none was."""
    rate: Decimal | None
    """How much of the budget's unit one of `from` was worth."""


class Reservation(Model):
    """A reservation and what became of it."""

    reservation_id: str
    """The id of the reservation."""
    expires_at: datetime
    """When the hold expires by itself."""
    created_at: datetime
    """When the reservation was granted."""
    subjects: dict[str, str]
    """The subjects that the request named: the id of each type."""
    amounts: dict[str, Decimal]
    """The amounts that the request asked for, by unit; with a minimum the part of them that
    was granted; of a lease all that was granted since the start."""
    unpriced: bool | None = None
    """Sent if the usage was settled in tokens only, because its model has no price."""
    warnings: list[str] | None = None
    """A sentence for each unit of the settlement that was not held and that no budget counts;
    sent by the first response to it, if there is one."""
    state: str
    """held, settled, released or expired."""
    finalized_at: datetime | None
    """When the reservation was settled or released; null: it was not."""
    actual: dict[str, Decimal] | None
    """What was spent, by unit; null while it is held."""
    granted: dict[str, Decimal]
    """What was granted since the start, by unit."""
    captured: dict[str, Decimal]
    """What captures reported as spent since the start, by unit."""
    returned: dict[str, Decimal]
    """What captures gave back since the start, by unit."""
    held: dict[str, Decimal]
    """What is held now: granted less captured and returned; 0 once the hold has ended."""
    on_expiry: str
    """What becomes of what is held when it expires: release or charge."""
    charged: bool
    """Whether what was held when it expired counts as spent; a settlement replaces that."""
    late: bool
    """Whether it was settled or captured after its hold had expired."""
    overrun: bool
    """Whether more was settled or captured than was granted."""
    lines: list[Line]
    """What was held on each budget that applied, in the budget's unit."""
    metadata: dict[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""


class Decision(Model):
    """The decision on an increase request."""

    at: datetime
    """When it was decided."""
    key_id: str | None
    """The API key that has decided; null for a command."""
    key_name: str | None
    """The name of that key."""
    note: str | None
    """What the approver says about it."""
    amount: Decimal | None
    """What was credited, which may differ; null if it was denied."""
    until: datetime | None
    """When the credit ends; null: with its period, or nothing was credited."""
    ledger_entry_id: str | None
    """The ledger entry of the credit; null if it was denied."""


class IncreaseRequest(Model):
    """A request for more on a budget."""

    id: str
    """The id of the increase request."""
    state: str
    """pending, until it is approved or denied, or has expired undecided."""
    budget_id: str
    """The budget on which more is asked for."""
    subject: str
    """The subject that wants to spend more, as type:id."""
    unit: str
    """The unit of the amounts."""
    amount: Decimal
    """How much more is asked for."""
    until: datetime | None
    """Until when; null: for the current period of the budget."""
    reason: str
    """Why, in the words of the caller."""
    key_id: str
    """The API key that asks."""
    key_name: str | None
    """The name of that key."""
    created_at: datetime
    """When it was asked."""
    expires_at: datetime
    """The first moment at which it can no longer be decided: `until`, or a week."""
    decision: Decision | None
    """What was decided; null while it is pending or has expired."""


class ErrorDetails(Model):
    """One error."""

    code: str
    """What went wrong, as a word that never changes."""
    type: str
    """The kind of error; several codes share one."""
    message: str
    """A sentence for people."""
    param: str | None
    """The path of the field that is wrong; null if none is."""
    violations: list[Violation] | None = None
    """Every budget that refused, in the order of refusals."""
    budget_id: str | None = None
    """The budget that is paused."""
    hint: str | None = None
    """Of a refusal: one sentence that an agent can act on, as in a check."""
    may_request_increase: bool | None = None
    """Sent and true if the caller may ask for more on the budgets that are spent: POST
    /v1/increase-requests. A pause or a token cap is no such case."""
    alternatives: list[Alternative] | None = None
    """Of a refused usage, if the tenant has fallback_models: those that fit now, cheapest
    first."""
    reservation: Reservation | None = None
    """The reservation whose hold has ended."""
    increase_request: IncreaseRequest | None = None
    """The increase request that is pending already, or that is no longer pending."""
    kind: str | None = None
    """Which tokens the cap is on: prompt, completion or total."""
    cap: int | None = None
    """The most tokens that the cap allows in one request."""
    requested: int | None = None
    """The tokens that the request asked for."""


class Error(Model):
    """A request that failed."""

    error: ErrorDetails
    """What went wrong."""


class Key(Model):
    """An API key."""

    key_id: str
    """The id of the API key; not secret."""
    tenant_id: str
    """The tenant that the key acts for."""
    role: str
    """What the key may do."""
    name: str | None
    """A name for people."""
    created_at: datetime
    """When the key was created."""
    subjects: dict[str, str]
    """The subjects that are part of every request that spends with the key."""
    expires_at: datetime | None
    """The first moment at which the key is invalid; null: it does not expire."""
    max_amount: Decimal | None
    """The most that an approver's key approves at once, in the unit of the budget; null: not
    limited."""
    secret: str | None = None
    """What the Authorization header takes after Bearer. Shown once, in the response that
    creates or rotates the key; null in a replay of it."""


class LedgerEntry(Model):
    """One debit or credit on one budget; entries are never changed."""

    id: str
    """The id of the entry."""
    budget_id: str
    """The budget that the entry belongs to."""
    subject: str
    """The subject whose balance it changes, as type:id."""
    period_key: str
    """The key of the period that the entry belongs to."""
    amount: Decimal
    """The amount: a debit is positive, a credit negative."""
    unit: str
    """The unit of the amount."""
    meter_source: str | None
    """Who counted the usage, for example the provider's response."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    session_id: str | None
    """The id of the session among the subjects, if any."""
    reservation_id: str | None
    """The reservation that was settled, if any."""
    description: str | None
    """A sentence for people."""
    kind: str
    """Whether the amount was spent, credited, taken off because a credit expired, carried over
    from or to another period, spent before the budget counted (opening), or spent and
    reversed."""
    expires_at: datetime | None
    """When the credit expires; null: with its period."""
    created_at: datetime
    """When the entry was written."""
    original_amount: Decimal | None
    """What was spent, in `original_unit`; null: nothing was converted."""
    original_unit: str | None
    """The unit from which the amount was converted."""
    rate: Decimal | None
    """How much of the budget's unit one of `original_unit` was worth."""


class OwnKey(Model):
    """The API key of a request."""

    key_id: str
    """The id of the API key; not secret."""
    name: str | None
    """A name for people."""
    subjects: dict[str, str]
    """The subjects that are part of every request that spends with the key."""
    expires_at: datetime | None
    """The first moment at which the secret of this request is invalid; null: none."""
    max_amount: Decimal | None
    """The most that an approver's key approves at once; null: any."""


class Me(Model):
    """Who the caller is."""

    tenant_id: str | None
    """The tenant that the key acts for; null: the operator."""
    role: str
    """What the key may do."""
    key: OwnKey
    """The API key of this request."""


class Delivery(Model):
    """How the last message to a target went."""

    state: str
    """none: nothing was sent yet; failing: the last message will be tried again."""
    at: datetime | None
    """When the last message was sent; null: nothing was sent yet."""
    failures: int
    """How many messages have failed in a row."""
    reason: str | None
    """Why the last message failed; null: it has arrived."""


class Notification(Model):
    """A target of notifications."""

    id: str
    """The id of the target."""
    format: str
    """How messages are written."""
    host: str
    """The host of the URL; the URL itself is never shown."""
    url_last4: str | None
    """The last four characters of the URL; null where its path is short."""
    secret_last4: str | None
    """The last four characters of the secret; null for a chat, which has none."""
    event_types: list[str]
    """The types of the events that are sent."""
    subject_prefix: str | None
    """Only events whose subject, as type:id, begins so are sent; null: all."""
    revision: int
    """How many times it was changed, from 1: also its ETag."""
    created_at: datetime
    """When the target was created."""
    updated_at: datetime
    """When the target was last changed."""
    last_delivery: Delivery
    """How the last message went."""
    secret: str | None = None
    """What signs the messages to a webhook (Standard Webhooks). Shown once, in the response
    that creates the target or rotates its secret; null in a replay of it."""


class PriceTier(Model):
    """Rates of requests with more input tokens than a threshold; null: as without the tier."""

    input_per_million: Decimal | None
    """The price of a million input tokens."""
    cached_input_per_million: Decimal | None
    """The price of a million cached input tokens; null: that of input tokens."""
    cache_write_per_million: Decimal | None
    """The price of a million tokens written to the cache."""
    cache_write_1h_per_million: Decimal | None
    """The price of a million tokens written to the cache for an hour."""
    input_audio_per_million: Decimal | None
    """The price of a million input tokens of audio."""
    cached_audio_per_million: Decimal | None
    """The price of a million cached input tokens of audio."""
    output_per_million: Decimal | None
    """The price of a million output tokens."""
    output_audio_per_million: Decimal | None
    """The price of a million output tokens of audio."""
    above_input_tokens: int
    """The tier applies above so many input tokens."""


class Price(Model):
    """What a model costs."""

    input_per_million: Decimal | None
    """The price of a million input tokens."""
    cached_input_per_million: Decimal | None
    """The price of a million cached input tokens; null: that of input tokens."""
    cache_write_per_million: Decimal | None
    """The price of a million tokens written to the cache."""
    cache_write_1h_per_million: Decimal | None
    """The price of a million tokens written to the cache for an hour."""
    input_audio_per_million: Decimal | None
    """The price of a million input tokens of audio."""
    cached_audio_per_million: Decimal | None
    """The price of a million cached input tokens of audio."""
    output_per_million: Decimal | None
    """The price of a million output tokens."""
    output_audio_per_million: Decimal | None
    """The price of a million output tokens of audio."""
    provider: str
    """The provider that runs the model."""
    model: str
    """The model, as its provider names it."""
    currency: str
    """The unit of the prices."""
    per_request: Decimal | None
    """The price of one call, beside its tokens."""
    per_web_search: Decimal | None
    """The price of one web search."""
    tiers: list[PriceTier]
    """Rates of large requests, in ascending order of threshold."""
    service_tiers: dict[str, Decimal]
    """The factor on the price of tokens in each service tier that has one."""
    source: str
    """builtin for the price table, override for the tenant's own price."""
    table_date: str | None
    """The day on which the price table was published; null for override."""
    updated_at: datetime | None
    """When the tenant set the price; null for builtin."""


class Rate(Model):
    """The `Rate` object."""

    from_: str = Field(..., alias="from")
    """The unit that is converted."""
    to: str
    """The unit that it is converted to."""
    rate: Decimal
    """How much of `to` one of `from` is worth."""
    max_age_seconds: int | None
    """How long the rate is valid after it was set; null: without limit."""
    updated_at: datetime
    """When the rate was set."""


class BudgetShare(Model):
    """What recorded spend comes to on one budget."""

    budget_id: str
    """The budget."""
    subject: str
    """The subject whose balance it is, as type:id."""
    period_key: str | None
    """The period in which the spend occurred; null: no window was open then."""
    unit: str
    """The budget's unit."""
    amount: Decimal
    """The amount, in the budget's unit."""
    counted: bool
    """Whether the budget counts it; not if it had no balance in the period, or a rolling
    window has passed."""
    original_amount: Decimal | None
    """What was spent, in `original_unit`; null: nothing was converted."""
    original_unit: str | None
    """The unit from which the amount was converted."""
    rate: Decimal | None
    """How much of the budget's unit one of `original_unit` was worth."""


class RecordedSpend(Model):
    """Spend that was recorded without a reservation."""

    usage_id: str
    """The id of its record in the usage log."""
    subjects: dict[str, str]
    """The subjects that the request named: the id of each type."""
    actual: dict[str, Decimal]
    """What was spent, by unit."""
    entries: list[LedgerEntry]
    """The ledger entries that it made."""
    budgets: list[BudgetShare]
    """Every budget that applies, in the order of refusals."""
    warnings: list[str]
    """A sentence if no budget applies, and for each type and unit that no budget ever had."""
    unbudgeted: bool
    """Whether no budget applies, so that no balance counts it."""
    unpriced: bool
    """Whether the usage counts in tokens only, because its model has no price."""
    occurred_at: datetime
    """When the spend occurred."""
    created_at: datetime
    """When the spend was recorded."""


class Refusals(Model):
    """Refusals of one subject by one budget with one code, in one minute."""

    minute: datetime
    """The minute in which they were written; first_at may lie in an earlier one."""
    budget_id: str
    """The budget that refused."""
    subject: str
    """The subject that was refused, as type:id."""
    code: str
    """The code of the responses."""
    count: int
    """How many requests were refused, at least."""
    count_is: str
    """Counts are written once a minute; some of the last ones may be missing."""
    requested_max: Decimal
    """The largest amount that was asked for."""
    unit: str
    """The unit of the amount."""
    first_at: datetime
    """When the first of them was refused."""
    last_at: datetime
    """When the last of them was refused."""
    message: str
    """What the last response said of the budget."""
    request_id: str
    """The id of the last of these requests."""


class ReservationExtended(Model):
    """A reservation after its extension."""

    reservation_id: str
    """The id of the reservation."""
    expires_at: datetime
    """When the hold expires by itself."""
    created_at: datetime
    """When the reservation was granted."""
    subjects: dict[str, str]
    """The subjects that the request named: the id of each type."""
    amounts: dict[str, Decimal]
    """The amounts that the request asked for, by unit; with a minimum the part of them that
    was granted; of a lease all that was granted since the start."""
    unpriced: bool | None = None
    """Sent if the usage was settled in tokens only, because its model has no price."""
    warnings: list[str] | None = None
    """A sentence for each unit of the settlement that was not held and that no budget counts;
    sent by the first response to it, if there is one."""
    state: str
    """held, settled, released or expired."""
    finalized_at: datetime | None
    """When the reservation was settled or released; null: it was not."""
    actual: dict[str, Decimal] | None
    """What was spent, by unit; null while it is held."""
    granted: dict[str, Decimal]
    """What was granted since the start, by unit."""
    captured: dict[str, Decimal]
    """What captures reported as spent since the start, by unit."""
    returned: dict[str, Decimal]
    """What captures gave back since the start, by unit."""
    held: dict[str, Decimal]
    """What is held now: granted less captured and returned; 0 once the hold has ended."""
    on_expiry: str
    """What becomes of what is held when it expires: release or charge."""
    charged: bool
    """Whether what was held when it expired counts as spent; a settlement replaces that."""
    late: bool
    """Whether it was settled or captured after its hold had expired."""
    overrun: bool
    """Whether more was settled or captured than was granted."""
    lines: list[Line]
    """What was held on each budget that applied, in the budget's unit."""
    metadata: dict[str, Any]
    """Any JSON object up to 4 KB; stored and returned unread."""
    prices: dict[str, Price | None]
    """What the model of the usage and each of `models` costs, by the name that was sent, as
    provider/model; null for a model without a price."""
    budgeted_types: list[str]
    """The types of subjects that budgets ever had: a lease counts for one value of each."""
    budgets: list[Balance]
    """The balance of every budget that applies, if more was granted; else empty."""


class ReservationGranted(Model):
    """A reservation that was granted just now."""

    reservation_id: str
    """The id of the reservation."""
    expires_at: datetime
    """When the hold expires by itself."""
    created_at: datetime
    """When the reservation was granted."""
    subjects: dict[str, str]
    """The subjects that the request named: the id of each type."""
    amounts: dict[str, Decimal]
    """The amounts that the request asked for, by unit; with a minimum the part of them that
    was granted; of a lease all that was granted since the start."""
    usage: GrantedUsage | None = None
    """Sent if the usage named min_output_tokens: how much of it is granted."""
    state: str
    """A new reservation is held."""
    action: str
    """What to do: continue, or warn (go on, but consider the warnings)."""
    warnings: list[str]
    """A sentence for each budget past a threshold, and each shadow that would refuse."""
    unpriced: bool
    """Whether a usage counts in tokens only, because its model has no price."""
    unbudgeted: bool
    """Whether no budget applies, so that nothing limits it."""
    budgets: list[Balance]
    """The balance of every budget that applies, in the order of refusals."""
    prices: dict[str, Price | None]
    """What the model of the usage and each of `models` costs, by the name that was sent, as
    provider/model; null for a model without a price."""
    budgeted_types: list[str]
    """The types of subjects that budgets ever had: a lease counts for one value of each."""


class Spend(Model):
    """The balances of every budget on some subjects."""

    tenant_id: str
    """The tenant."""
    subjects: dict[str, str]
    """The subjects that the query named: the id of each type."""
    budgets: list[Balance]
    """The balance of every budget on one of them, in the order of refusals."""
    warnings: list[str]
    """A sentence for each subject type that no budget has ever had."""


class Statement(Model):
    """What a closed period came to."""

    id: str
    """The id of the statement."""
    budget_id: str
    """The budget whose period was closed."""
    subject: str
    """The subject that spent, as type:id."""
    period_key: str
    """The key of the period."""
    starts_at: datetime
    """The first moment of the period."""
    ends_at: datetime
    """The first moment after the period."""
    limit: Decimal
    """The limit of the period."""
    credits: Decimal
    """Top-ups and refunds in the period."""
    carried_in: Decimal
    """What was carried over from the previous period; negative for a debt."""
    spent: Decimal
    """What was spent in the period."""
    held: Decimal
    """What open reservations held when the period was closed."""
    unused: Decimal
    """What was not used; negative after an overrun."""
    overrun: Decimal
    """By how much the spent amount is above what could be spent; 0 if not."""
    carried_out: Decimal
    """What was carried over to the next period; negative for a debt."""
    closed_at: datetime
    """When the statement was written."""
    revision: int
    """The number of the statement among those of its period, from 1."""
    corrects: str | None
    """The id of the statement of the same period that it replaces; null for the first."""
    is_final: bool
    """Whether nothing was held any more when it was written."""
    unit: str
    """The unit of the amounts."""
    is_current: bool
    """Whether no later statement replaces it."""


class Tenant(Model):
    """A tenant and its settings."""

    tenant_id: str
    """The id of the tenant."""
    name: str | None
    """A name for people."""
    require_budget: bool
    """Whether a request to which no budget applies is refused."""
    unpriced_model: str
    """What happens to usage of a model without a price: reject, or allow in tokens only."""
    default_max_output_tokens: int
    """How many output tokens are held for a usage without max_output_tokens."""
    default_agent: str | None
    """The agent that a request counts for if it names none; null: no agent."""
    fallback_models: list[str]
    """Models, as provider/model, that responses name as alternatives to a refused one."""
    created_at: datetime
    """When the tenant was created."""
    updated_at: datetime
    """When the settings were last changed."""
    admin_key: str | None = None
    """The secret of the tenant's first admin key. Shown once, in the response that creates the
    tenant; null in a replay of it."""


class TokenCap(Model):
    """How many tokens one request of a subject may have."""

    subject: str
    """The subject, as type:id; type:* is the default of the type."""
    max_prompt_tokens: int | None
    """How many prompt tokens one request may have; null: no cap."""
    max_completion_tokens: int | None
    """How many completion tokens one request may have; null: no cap."""
    max_total_tokens: int | None
    """How many tokens one request may have in all; null: no cap."""


class UsageRecord(Model):
    """One spend. Records are never changed; a reversal is a record with negative amounts."""

    id: str
    """The id of the record."""
    occurred_at: datetime
    """When it was spent; a reservation's, when it was reserved."""
    recorded_at: datetime
    """When it was settled or recorded."""
    subjects: dict[str, str]
    """Who or what spent: the id of each type."""
    key_id: str | None
    """The API key that spent; null for a message of the queue."""
    provider: str | None
    """The provider of the model; null without a usage."""
    model: str | None
    """The model: the one of the usage, else the subject's."""
    usage: dict[str, int] | None
    """Tokens, calls and searches that were metered; counts of 0 are left out."""
    service_tier: str | None
    """The service tier; null without a usage."""
    amounts: dict[str, Decimal]
    """What was spent, by unit."""
    priced_by: str | None
    """The source of the price; null where the caller sent the amounts, or none is known."""
    calls: int
    """How many calls it stands for."""
    reservation_id: str | None
    """The reservation that was settled, if any."""
    late: bool
    """Whether it was settled after its hold had expired."""
    overrun: bool
    """Whether it was settled above its estimate."""
    meter_source: str | None
    """Who counted the usage, for example the provider's response."""
    ref_type: str | None
    """The type of what the amount was spent on."""
    ref_id: str | None
    """The id, in your system, of what it was spent on."""
    description: str | None
    """A sentence for people."""
    metadata: dict[str, Any]
    """Your own data, of the reservation or the recorded spend."""
    budgets: list[BudgetShare]
    """Every budget that applied, and what it counted."""
    reverses: str | None
    """The record that this one reverses, if any."""


class UsageRow(Model):
    """The `UsageRow` object."""

    from_: datetime = Field(..., alias="from")
    """The first moment of the interval."""
    to: datetime
    """The first moment after it."""
    group: dict[str, str | None]
    """The value of each name in `group_by`; null where the spend has none."""
    amounts: dict[str, Decimal]
    """What was spent, by unit: each spend once."""
    tokens: dict[str, int]
    """Metered tokens by kind, such as `input`."""
    calls: int
    """How many calls were made."""
