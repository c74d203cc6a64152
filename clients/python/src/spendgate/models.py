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


class Difference(Model):
    """The `Difference` object."""

    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    period_key: str
    """The name of the period that it belongs to."""
    balance: str
    """Which of the counter's numbers differs."""
    expected: Decimal
    """What the ledger adds up to."""
    found: Decimal
    """What the counter says."""


class Audit(Model):
    """The `Audit` object."""

    budget_id: str
    """The budget that it belongs to."""
    counters: int
    """How many counters were compared."""
    entries: int
    """How many entries were added up."""
    differences: list[Difference]
    """Every counter that does not equal its ledger; empty if all is well."""
    next_cursor: str | None
    """Where the next page begins; null on the last."""


class Period(Model):
    """The `Period` object."""

    type: str
    """Of which kind it is."""
    key: str
    """The name of the period, unique within the budget."""
    starts_at: datetime | None
    """The first moment of the period; null where it never began."""
    ends_at: datetime | None
    """The first moment after the period; null where it never ends."""


class BalanceForecast(Model):
    """The `BalanceForecast` object."""

    burn_rate_per_hour: Decimal
    """What was spent per hour on average since the period began."""
    limit_reached_at: datetime | None
    """When nothing is left at the burn rate; null if the period ends first."""


class Balance(Model):
    """The `Balance` object."""

    budget_id: str
    """The budget that it belongs to."""
    name: str | None
    """A name for people."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    period: Period
    """Over which stretch of time the limit holds."""
    limit: Decimal
    """What may be spent in one period."""
    credits: Decimal
    """Top-ups and refunds."""
    carried_in: Decimal
    """What came over from the period before; negative for a debt."""
    soft_limit: Decimal | None
    """The spent amount at which it warns or pauses; null for none."""
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
    """How much of the limit is not spent, whatever is held."""
    status: str
    """The worst that is true: disabled, paused, exhausted, warning, active."""
    resets_at: datetime | None
    """When what is spent counts no more; null where nothing resets."""
    resets_in_seconds: int | None
    """The same in seconds from now, at least 1."""
    forecast: BalanceForecast | None
    """When the limit is reached if spending goes on as it did; null where no period is."""


class PeriodRule(Model):
    """The `PeriodRule` object."""

    type: str
    """Of which kind it is."""
    unit: str | None = None
    """hour, day, week (from Monday), month or year."""
    timezone: str | None = None
    """An IANA time zone."""
    seconds: int | None = None
    """The length of the period; send this or window."""
    window: str | None = None
    """The length of the period, such as 30m, 5h, 7d or 2w; send this or seconds."""


class BudgetCarryOver(Model):
    """The `BudgetCarryOver` object."""

    unused: bool
    """What was not used."""
    max: Decimal | None
    """How much of what was not used goes into the next period; null for all."""
    debt: bool
    """Whether an overrun is taken off the next period."""


class Budget(Model):
    """The `Budget` object."""

    budget_id: str
    """The budget that it belongs to."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    limit: Decimal
    """What may be spent in one period."""
    soft_limit: Decimal | None
    """The spent amount at which it warns or pauses; null for none."""
    on_soft_limit: str
    """What happens at the soft limit: a warning, or a pause."""
    warn_at_pct: list[int]
    """The parts of the limit, in per cent, from which on it warns."""
    period: PeriodRule
    """Over which stretch of time the limit holds."""
    carry_over: BudgetCarryOver | None
    """What goes into the next period; null for nothing."""
    mode: str
    """shadow decides and reports, but never refuses."""
    name: str | None
    """A name for people."""
    metadata: dict[str, Any]
    """Anything, up to 4 KB as JSON; kept and shown, never looked at."""
    status: str
    """The worst that is true: disabled, paused, exhausted, warning, active."""
    version: int
    """Increases with every change to the budgets of the subject."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    balance: Balance | None = None
    """The balance of the budget in the period in force."""


class Check(Model):
    """The `Check` object."""

    action: str
    """What to do: continue, warn (go on, but heed the warnings), pause or stop."""
    allowed: bool
    """Whether a reservation of the same body would be granted now."""
    message: str | None
    """A sentence for people."""
    error_code: str | None
    """The code that a reservation would be refused with."""
    budget_id: str | None
    """The most restrictive budget."""
    balance: Decimal | None
    """What the most restrictive budget has available."""
    currency: str | None
    """The unit of the amount beside it."""
    retry_after_seconds: int | None
    """When to come back, in seconds from now; null if time will not help."""
    warnings: list[str]
    """A sentence for each budget past a threshold, and each shadow that would refuse."""
    unpriced: bool
    """Whether a usage counts in tokens only, for want of a price."""
    hint: str
    """One sentence that an agent can act on."""
    budgets: list[Balance]
    """The balance of every budget that applies, in the order of refusals."""


class Credit(Model):
    """The `Credit` object."""

    id: str
    """Its own id."""
    budget_id: str
    """The budget that it belongs to."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    period_key: str
    """The name of the period that it belongs to."""
    amount: Decimal
    """Positive is a debit, negative a credit."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    meter_source: str | None
    """Who counted it, for example the provider's answer."""
    ref_type: str | None
    """What kind of thing it was spent on."""
    ref_id: str | None
    """The id of what it was spent on, in a system of yours."""
    session_id: str | None
    """The session among the subjects, if one was."""
    reservation_id: str | None
    """The reservation that it belongs to."""
    description: str | None
    """A sentence for people."""
    kind: str
    """Whether it was spent, credited, or carried over from or to another period."""
    created_at: datetime
    """When it was made."""
    balance: Balance
    """The balance of the budget in the period in force."""


class Violation(Model):
    """The `Violation` object."""

    budget_id: str
    """The budget that it belongs to."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    scope: str
    """The type of the subject."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    limit: Decimal
    """What may be spent in one period."""
    spent: Decimal
    """What was spent in the period."""
    held: Decimal
    """What open reservations hold."""
    available: Decimal
    """What can be granted now: limit, credits and what was carried over, less spent and held;
    below 0 after an overrun."""
    requested: Decimal
    """What was asked of the budget, in its unit."""
    retry_after_seconds: int | None
    """When to come back, in seconds from now; null if time will not help."""


class ErrorError(Model):
    """What went wrong."""

    code: str
    """What went wrong, as a word that never changes."""
    type: str
    """Of which kind it is."""
    message: str
    """A sentence for people."""
    param: str | None
    """The path of the field that is wrong; null where none is."""
    violations: list[Violation] | None = None
    """Every budget that refused, in the order of refusals."""
    budget_id: str | None = None
    """The budget that it belongs to."""


class Error(Model):
    """The `Error` object."""

    error: ErrorError
    """What went wrong."""


class Key(Model):
    """The `Key` object."""

    key_id: str
    """The id of the API key; not secret."""
    tenant_id: str
    """The tenant."""
    role: str
    """What the key may do."""
    name: str | None
    """A name for people."""
    created_at: datetime
    """When it was made."""
    secret: str | None = None
    """The bearer of the key. Shown once, in the answer that creates the key; null in a replay
    of it."""


class LedgerEntry(Model):
    """The `LedgerEntry` object."""

    id: str
    """Its own id."""
    budget_id: str
    """The budget that it belongs to."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    period_key: str
    """The name of the period that it belongs to."""
    amount: Decimal
    """Positive is a debit, negative a credit."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    meter_source: str | None
    """Who counted it, for example the provider's answer."""
    ref_type: str | None
    """What kind of thing it was spent on."""
    ref_id: str | None
    """The id of what it was spent on, in a system of yours."""
    session_id: str | None
    """The session among the subjects, if one was."""
    reservation_id: str | None
    """The reservation that it belongs to."""
    description: str | None
    """A sentence for people."""
    kind: str
    """Whether it was spent, credited, or carried over from or to another period."""
    created_at: datetime
    """When it was made."""


class Price(Model):
    """The `Price` object."""

    provider: str
    """Who runs the model."""
    model: str
    """The model as its provider names it."""
    currency: str
    """The unit of the amount beside it."""
    input_per_million: Decimal
    """The price of a million input tokens."""
    output_per_million: Decimal
    """The price of a million output tokens."""
    cached_input_per_million: Decimal | None
    """The price of a million cached input tokens; null for the full."""
    source: str
    """builtin for the price table, override for the tenant's own price."""
    updated_at: datetime | None
    """When it was last changed."""


class Rate(Model):
    """The `Rate` object."""

    from_: str = Field(..., alias="from")
    """The unit that is converted."""
    to: str
    """The unit that is converted to."""
    rate: Decimal
    """How much of the one unit one of the other is worth."""
    max_age_seconds: int | None
    """How long the rate may be used after it was set; null for ever."""
    updated_at: datetime
    """When it was last changed."""


class RecordedSpend(Model):
    """The `RecordedSpend` object."""

    subjects: dict[str, str]
    """Who or what spends: the id for each type."""
    actual: dict[str, Decimal]
    """What was spent, by unit."""
    entries: list[LedgerEntry]
    """The ledger entries."""
    unpriced: bool
    """Whether a usage counts in tokens only, for want of a price."""
    created_at: datetime
    """When it was made."""


class ReservationLine(Model):
    """The `ReservationLine` object."""

    budget_id: str
    """The budget that it belongs to."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    period_key: str
    """The name of the period that it belongs to."""
    amount: Decimal
    """Positive is a debit, negative a credit."""
    from_: str | None = Field(..., alias="from")
    """The unit that is converted."""
    rate: Decimal | None
    """How much of the one unit one of the other is worth."""


class Reservation(Model):
    """The `Reservation` object."""

    reservation_id: str
    """The reservation that it belongs to."""
    expires_at: datetime
    """When the hold gives itself back."""
    created_at: datetime
    """When it was made."""
    subjects: dict[str, str]
    """Who or what spends: the id for each type."""
    amounts: dict[str, Decimal]
    """What is to be held, by unit."""
    state: str
    """held, settled, released or expired."""
    finalized_at: datetime | None
    """When it was settled or released."""
    actual: dict[str, Decimal] | None
    """What was spent, by unit."""
    late: bool
    """Whether it was settled after its hold had expired."""
    overrun: bool
    """Whether it was settled above its estimate."""
    lines: list[ReservationLine]
    """What was held on each budget that applied, in the budget's unit."""
    metadata: dict[str, Any]
    """Anything, up to 4 KB as JSON; kept and shown, never looked at."""
    unpriced: bool | None = None
    """Whether a usage counts in tokens only, for want of a price."""


class ReservationGranted(Model):
    """The `ReservationGranted` object."""

    reservation_id: str
    """The reservation that it belongs to."""
    expires_at: datetime
    """When the hold gives itself back."""
    created_at: datetime
    """When it was made."""
    subjects: dict[str, str]
    """Who or what spends: the id for each type."""
    amounts: dict[str, Decimal]
    """What is to be held, by unit."""
    state: str
    """held, settled, released or expired."""
    action: str
    """What to do: continue, warn (go on, but heed the warnings), pause or stop."""
    warnings: list[str]
    """A sentence for each budget past a threshold, and each shadow that would refuse."""
    unpriced: bool
    """Whether a usage counts in tokens only, for want of a price."""
    budgets: list[Balance]
    """The balance of every budget that applies, in the order of refusals."""


class Spend(Model):
    """The `Spend` object."""

    tenant_id: str
    """The tenant."""
    subjects: dict[str, str]
    """Who or what spends: the id for each type."""
    budgets: list[Balance]
    """The balance of every budget that applies, in the order of refusals."""


class Statement(Model):
    """The `Statement` object."""

    id: str
    """Its own id."""
    budget_id: str
    """The budget that it belongs to."""
    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    unit: str
    """What is counted: a lower-case word such as usd or tokens."""
    period_key: str
    """The name of the period that it belongs to."""
    starts_at: datetime
    """The first moment of the period; null where it never began."""
    ends_at: datetime
    """The first moment after the period; null where it never ends."""
    limit: Decimal
    """What may be spent in one period."""
    credits: Decimal
    """Top-ups and refunds."""
    carried_in: Decimal
    """What came over from the period before; negative for a debt."""
    spent: Decimal
    """What was spent in the period."""
    held: Decimal
    """What open reservations hold."""
    unused: Decimal
    """What was not used; negative after an overrun."""
    overrun: Decimal
    """By how much the spent amount is above the limit."""
    carried_out: Decimal
    """What went into the next period; negative for a debt."""
    closed_at: datetime
    """When the statement was written."""
    revision: int
    """The number of the statement among those of its period, from 1."""
    corrects: str | None
    """The statement of the same period that it takes the place of; null for the first."""
    is_current: bool
    """Whether no later statement has taken its place."""
    is_final: bool
    """Whether nothing was held any more when it was written."""


class Tenant(Model):
    """The `Tenant` object."""

    tenant_id: str
    """The tenant."""
    name: str | None
    """A name for people."""
    require_budget: bool
    """Whether a request that no budget limits is refused."""
    unpriced_model: str
    """What becomes of usage without a price: reject, or allow in tokens only."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    admin_key: str | None = None
    """The bearer of the tenant's first admin key. Shown once, in the answer that creates the
    key; null in a replay of it."""


class TokenCap(Model):
    """The `TokenCap` object."""

    subject: str
    """Who or what spends, as type:id; type:* is the default of the type."""
    max_prompt_tokens: int | None
    """How many, at most, in one request; null for no cap."""
    max_completion_tokens: int | None
    """How many, at most, in one request; null for no cap."""
    max_total_tokens: int | None
    """How many, at most, in one request; null for no cap."""
