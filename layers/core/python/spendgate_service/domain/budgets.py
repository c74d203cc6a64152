"""Budgets, the policy of a subject, and which budgets apply to a request."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

from spendgate_service.domain.amounts import AMOUNT_MAX, Amount, amount_text
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import DurationPeriod, Period, PeriodRule, period_in_force
from spendgate_service.domain.preconditions import revision_tag
from spendgate_service.domain.rates import (
    Conversion,
    Origin,
    Rate,
    UnitRates,
    conversions_of,
    origin_of,
)
from spendgate_service.domain.subjects import Subject

type OnSoftLimit = Literal["warn", "pause"]
type Mode = Literal["enforce", "shadow"]
type OpeningSpent = Amount | Literal["inherit"]
"""What a new counter starts with as spent: an amount, or what was spent under what it replaces."""

WARN_AT_PCT_DEFAULT = (80,)
BUDGETS_PER_SUBJECT_MAX = 20
"""Keeps a policy item small and its change within one transaction."""


@dataclass(frozen=True, slots=True)
class CarryOver:
    """What goes into the next period: the unused amount up to `max`, and the overrun (`debt`)."""

    unused: bool = False
    max: Amount | None = None
    debt: bool = False


@dataclass(frozen=True, slots=True)
class PastLimit:
    """A replaced limit and the time of its replacement."""

    limit: Amount
    until_ms: int


LIMITS_REMEMBERED_MAX = 60
"""The maximum number of past limits of a budget, which keeps a policy item small.

This many consecutive periods can be closed late, each with its own limit.
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on one subject, in one unit, over one kind of period.

    A `shadow` budget decides and reports, but never refuses. A disabled budget is neither enforced
    nor counted. `resumed_at_ms` lifts the pause of a soft limit for the period that contains it.
    `slug` is its name for tools, unique in the tenant. `revision` is the version of the policy that
    changed it last, so it only grows. `limit_since_ms` is the last change of the limit, or None.
    `past_limits` are the earlier limits that were current at the end of a period, oldest first.
    """

    budget_id: str
    subject: Subject
    unit: str
    limit: Amount
    period: PeriodRule
    created_at_ms: int
    updated_at_ms: int
    warn_at_pct: tuple[int, ...] = WARN_AT_PCT_DEFAULT
    name: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    soft_limit: Amount | None = None
    on_soft_limit: OnSoftLimit = "warn"
    mode: Mode = "enforce"
    carry_over: CarryOver | None = None
    paused: bool = False
    disabled: bool = False
    resumed_at_ms: int | None = None
    slug: str | None = None
    revision: int = 0
    limit_since_ms: int | None = None
    past_limits: tuple[PastLimit, ...] = ()

    @property
    def tag(self) -> str:
        """The tag of its revision."""
        return revision_tag(self.revision)

    @property
    def is_shadow(self) -> bool:
        """Whether it never refuses."""
        return self.mode == "shadow"

    @property
    def pausing(self) -> tuple[object, ...]:
        """The fields that decide whether it is paused, besides the spent amount."""
        if self.on_soft_limit != "pause":
            return (self.paused,)
        return self.paused, self.soft_limit, self.resumed_at_ms, self.period

    def limit_in(self, period: Period) -> Amount:
        """Return the limit at the end of the period, or the current one if it has not ended."""
        if period.ends_at is None:
            return self.limit
        ended_ms = period.ends_at * 1000
        limits = (past.limit for past in self.past_limits if past.until_ms >= ended_ms)
        return next(limits, self.limit)

    def remembering_limit_of(self, before: "Budget", *, now_ms: int, forgotten_ms: int) -> "Budget":
        """Return the budget with its limit current from now on and that of `before` in the past.

        A limit under which no period ended is not kept; one that was replaced before
        `forgotten_ms` belongs to periods that are deleted.
        """
        past = [past for past in before.past_limits if past.until_ms >= forgotten_ms]
        since_ms = before.created_at_ms if before.limit_since_ms is None else before.limit_since_ms
        until_ms = max([now_ms, *(past.until_ms for past in past[-1:])])
        if _may_have_ended(before.period, since_ms, until_ms):
            past.append(PastLimit(before.limit, until_ms))
        remembered = tuple(past[-LIMITS_REMEMBERED_MAX:])
        return replace(self, limit_since_ms=now_ms, past_limits=remembered)

    def pauses_at(self, period: Period) -> Amount | None:
        """Return the spent amount at which it pauses in the period, or None."""
        if self.soft_limit is None or self.on_soft_limit != "pause" or self._resumed_in(period):
            return None
        return self.soft_limit

    def _resumed_in(self, period: Period) -> bool:
        if self.resumed_at_ms is None:
            return False
        return period.starts_at is None or period.starts_at * 1000 <= self.resumed_at_ms

    def pausing_anew_after(self, before: "Budget") -> "Budget":
        """Return the budget after a change: a soft limit that is set anew pauses anew.

        So it takes back a resume that had lifted the old one.
        """

        def soft_pause(budget: Budget) -> tuple[object, ...]:
            return budget.soft_limit, budget.on_soft_limit, budget.period

        return self if soft_pause(self) == soft_pause(before) else replace(self, resumed_at_ms=None)

    def resumed(self, *, now_ms: int) -> "Budget":
        """Return the budget after a resume, which ends an admin's pause or else a soft limit's.

        The latter stays lifted until the period ends.
        """
        if self.paused:
            return replace(self, paused=False)
        lifted_at_ms = self.resumed_at_ms
        period = period_in_force(self.period, now_ms=now_ms)
        if self.on_soft_limit == "pause" and not self._resumed_in(period):
            lifted_at_ms = now_ms
        return replace(self, resumed_at_ms=lifted_at_ms)


def counted_subject(
    own: Subject, asked: Subject | None, *, param: str = "query.subject"
) -> Subject:
    """Return the subject whose counter a query means: `own`, or for a default the subject named.

    Raises InvalidValue if a default has no such subject, or `own` is another subject.
    """
    if not own.is_default:
        if asked not in {None, own}:
            raise InvalidValue(f"{param}: this budget counts {own} alone", param=param)
        return own
    if asked is None or asked.is_default or asked.type != own.type:
        raise InvalidValue(
            f"{param}: this budget is a default; name the {own.type} that you mean", param=param
        )
    return asked


def check_soft_limit(budget: Budget, *, credited: Amount = 0) -> None:
    """Raise InvalidValue if the soft limit is above what may be spent: the limit and credits."""
    highest = budget.limit + credited
    if budget.soft_limit is None or budget.soft_limit <= highest:
        return
    soft_limit, whole = amount_text(budget.soft_limit), amount_text(budget.limit)
    if credited:
        whole = f"{whole} and the credits of {amount_text(credited)}"
    at_most = amount_text(max(0, highest))
    _refuse("soft_limit", f"{soft_limit} is above the limit of {whole}; send {at_most} or less")


def check_fields_agree(budget: Budget) -> None:
    """Raise InvalidValue if the fields of a budget contradict each other, at any balance."""
    if budget.soft_limit is None and budget.on_soft_limit == "pause":
        _refuse("on_soft_limit", "there is no soft_limit to pause at; send one as well")
    if budget.carry_over is None:
        return
    if not isinstance(budget.period, CalendarPeriod | DurationPeriod):
        _refuse("carry_over", "this period never resets, so nothing carries over; set it to null")
    if budget.carry_over.max is not None and not budget.carry_over.unused:
        _refuse("carry_over.max", "it limits what was not used; set unused to true as well")


def check_opening(budget: Budget, opening_spent: OpeningSpent | None) -> None:
    """Raise InvalidValue for an opening amount of a default, which has a counter per subject."""
    if opening_spent is not None and budget.subject.is_default:
        _refuse("opening_spent", f"{budget.subject} has a balance for each id; leave it out")


def _may_have_ended(rule: PeriodRule, from_ms: int, until_ms: int) -> bool:
    """Return whether a period may have ended between the times; always true for a duration."""
    if isinstance(rule, DurationPeriod):
        return True
    ends_at = period_in_force(rule, now_ms=from_ms).ends_at
    return ends_at is not None and ends_at * 1000 <= until_ms


def _refuse(field_name: str, what_to_do: str) -> NoReturn:
    param = f"body.{field_name}"
    raise InvalidValue(f"{param}: {what_to_do}", param=param)


@dataclass(frozen=True, slots=True)
class TokenCap:
    """A limit on the tokens of one request; None means no limit."""

    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_total_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The budgets and the token cap of one subject; every change increases `version`.

    Version 0 means that the subject never had a policy. An emptied policy keeps its version, so
    that a version never identifies two policies.
    """

    subject: Subject
    version: int = 0
    budgets: tuple[Budget, ...] = ()
    token_cap: TokenCap | None = None

    @property
    def enabled(self) -> tuple[Budget, ...]:
        """The budgets that are enforced and counted."""
        return tuple(budget for budget in self.budgets if not budget.disabled)

    def twin_of(self, budget: Budget) -> Budget | None:
        """Return the first other budget in the same unit over the same periods, if there is one."""
        twins = (
            other
            for other in self.budgets
            if other.budget_id != budget.budget_id
            and (other.unit, other.period) == (budget.unit, budget.period)
        )
        return next(twins, None)

    def budget(self, budget_id: str) -> Budget | None:
        """Return the budget with this id, if it is on this subject."""
        return next((budget for budget in self.budgets if budget.budget_id == budget_id), None)


@dataclass(frozen=True, slots=True)
class Claim:
    """One budget that a request must satisfy, with the amount and the subject.

    `subject` spends, also if the budget is a default of its type. `policy_version` is the version
    of the policy that the claim was read from. `amount` is in the budget's unit; `conversions` are
    those of other units of the request, and `origin` is the amount that was converted, if any.
    """

    budget: Budget
    subject: Subject
    amount: Amount
    policy_version: int
    conversions: tuple[Conversion, ...] = ()
    origin: Origin | None = None


def policy_in_force(subject: Subject, policies: Mapping[Subject, Policy]) -> Policy:
    """Return the policy of a subject: its own if it has an enabled budget, else the defaults."""
    own = policies[subject]
    return own if own.enabled else policies[subject.default]


def budgets_on(
    subjects: Iterable[Subject], policies: Mapping[Subject, Policy]
) -> list[tuple[Subject, Budget, int]]:
    """Return every budget on the subjects with its policy's version, in the order of refusals."""
    return [
        (subject, budget, policy.version)
        for subject in sorted(subjects, key=lambda subject: subject.refusal_rank)
        for policy in (policy_in_force(subject, policies),)
        for budget in policy.enabled
    ]


def claims_on(
    subjects: Iterable[Subject],
    amounts: Mapping[str, Amount],
    policies: Mapping[Subject, Policy],
    rates: UnitRates,
    *,
    now_ms: int,
    but_not: Collection[tuple[str, Subject]] = (),
) -> list[Claim]:
    """Return a claim for every budget that applies to a request.

    For a budget in a unit of which the request names nothing or 0, the tenant's conversion rates
    (`rates[unit][named unit]`) apply; with neither unit nor rate the budget does not apply.
    `but_not` are budgets, by id and subject, that are claimed already. Raises UnknownRate if the
    budget's unit is not named and the rate is too old.
    """
    claims = []
    for subject, budget, version in budgets_on(subjects, policies):
        if (budget.budget_id, subject) in but_not:
            continue
        claim = _claim_on(budget, subject, version, amounts, rates.get(budget.unit, {}), now_ms)
        if claim is not None:
            claims.append(claim)
    return claims


def _claim_on(
    budget: Budget,
    subject: Subject,
    version: int,
    amounts: Mapping[str, Amount],
    rates: Mapping[str, Rate],
    now_ms: int,
) -> Claim | None:
    conversions = conversions_of(budget.unit, amounts, rates, now_ms=now_ms)
    origin = origin_of(budget.unit, amounts, conversions)
    if origin is None:
        amount = amounts.get(budget.unit)
        return None if amount is None else Claim(budget, subject, amount, version, conversions)
    if origin.converted > AMOUNT_MAX:
        raise InvalidValue(
            f"{amount_text(origin.amount)} {origin.unit} is more than can be counted in "
            f"{budget.unit}",
            param=f"body.amounts.{origin.unit}",
        )
    return Claim(budget, subject, origin.converted, version, conversions, origin)
