"""The bodies of budgets: creating, changing, topping up."""

from dataclasses import replace
from typing import Annotated, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Limits,
    WithJsonSchema,
    field,
    model_validator,
)
from spendgate_service.api.bodies.fields import (
    SUBJECT_SCHEMA,
    AmountField,
    CreditAmountField,
    MetadataField,
    MomentField,
    NameField,
    OpeningSpentField,
    ProvenanceBody,
    SlugField,
    UnitField,
    changing,
    patch_schema,
)
from spendgate_service.api.bodies.periods import NoPeriodBody, PeriodField
from spendgate_service.domain.budgets import (
    WARN_AT_PCT_DEFAULT,
    Budget,
    CarryOver,
    Mode,
    OnSoftLimit,
    check_fields_agree,
    check_opening,
)
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.subjects import Subject, check_own_organization, parse_subject
from spendgate_service.wire.fields import Doc

_NULLABLE = ("soft_limit", "carry_over", "name", "slug")

THRESHOLDS_MAX = 10  # each one may become an event per period


def _subject(text: str) -> str:
    try:
        parse_subject(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


class CarryOverBody(Body):
    """What goes into the next period: what was not used, up to `max`, and what was overdrawn."""

    unused: Annotated[bool, Doc("Whether what was not used is carried over.")] = False
    max: Annotated[
        AmountField | None, Doc("How much of what was not used is carried over at most; null: all.")
    ] = None
    debt: Annotated[bool, Doc("Whether an overrun is subtracted from the next period.")] = False

    def to_carry_over(self) -> CarryOver:
        """The definition."""
        return CarryOver(unused=self.unused, max=self.max, debt=self.debt)


PercentField = Annotated[int, Limits(ge=1, le=100)]
ThresholdsField = Annotated[list[PercentField], Limits(max_length=THRESHOLDS_MAX)]
SubjectField = Annotated[str, AfterValidator(_subject), WithJsonSchema(SUBJECT_SCHEMA)]


def own_subject(text: str, *, tenant_id: str) -> Subject:
    """Read the `subject` of a body. Raises InvalidValue for another organization."""
    subject = parse_subject(text)
    check_own_organization(subject, tenant_id=tenant_id, param="body.subject")
    return subject


_OPENING_SPENT = (
    "What a budget on one subject, or its new period, starts with as spent in the current period: "
    "an amount, or inherit for what was spent under the default or in the period that it replaces."
)


class PutBudgetBody(Body):
    """A budget as it shall be, under its slug; what is left out has its default."""

    subject: Annotated[
        SubjectField,
        Doc("The subject of the budget, as type:id; type:* is the default of the type."),
    ]
    unit: Annotated[UnitField, Doc("What is counted: a lower-case word such as usd or tokens.")]
    limit: Annotated[AmountField, Doc("What may be spent in one period.")]
    soft_limit: Annotated[
        AmountField | None, Doc("The spent amount at which the budget warns or pauses; null: none.")
    ] = None
    on_soft_limit: Annotated[
        OnSoftLimit, Doc("What happens at the soft limit: a warning, or a pause.")
    ] = "warn"
    warn_at_pct: Annotated[
        ThresholdsField, Doc("The percentages of the limit from which on the budget warns.")
    ] = field(default_factory=lambda: list(WARN_AT_PCT_DEFAULT))
    period: Annotated[PeriodField, Doc("Over which periods the limit holds.")] = NoPeriodBody(
        type="none"
    )
    carry_over: Annotated[
        CarryOverBody | None, Doc("What a period carries over to the next one; null: nothing.")
    ] = None
    mode: Annotated[
        Mode, Doc("A budget in shadow mode decides and reports, but never refuses.")
    ] = "enforce"
    name: Annotated[NameField | None, Doc("A name for people.")] = None
    metadata: Annotated[
        MetadataField, Doc("Any JSON object up to 4 KB; stored and returned unread.")
    ] = field(default_factory=dict)
    opening_spent: Annotated[OpeningSpentField | None, Doc(_OPENING_SPENT)] = None

    def to_budget(
        self, *, tenant_id: str, budget_id: str, slug: str | None = None, now_ms: int
    ) -> Budget:
        """The budget.

        Raises InvalidValue for another tenant than the caller's, or for a budget whose parts
        contradict each other.
        """
        subject = own_subject(self.subject, tenant_id=tenant_id)
        budget = Budget(
            budget_id=budget_id,
            subject=subject,
            unit=self.unit,
            limit=self.limit,
            period=self.period.to_period(),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            warn_at_pct=_thresholds(self.warn_at_pct),
            name=self.name,
            slug=slug,
            metadata=self.metadata,
            soft_limit=self.soft_limit,
            on_soft_limit=self.on_soft_limit,
            mode=self.mode,
            carry_over=self.carry_over.to_carry_over() if self.carry_over else None,
        )
        check_fields_agree(budget)
        check_opening(budget, self.opening_spent)
        return budget


class CreateBudgetBody(PutBudgetBody):
    """A new budget."""

    slug: Annotated[
        SlugField | None, Doc("A name for tools, unique in the tenant; null: none.")
    ] = None


class PatchBudgetBody(Body, json_schema_extra=patch_schema(nullable=_NULLABLE)):
    """A change to a budget: only what is named changes.

    `soft_limit`, `carry_over`, `name` and `slug` may be set to null; any other null is refused.
    """

    limit: Annotated[AmountField | None, Doc("What may be spent in one period.")] = None
    soft_limit: Annotated[
        AmountField | None, Doc("The spent amount at which the budget warns or pauses; null: none.")
    ] = None
    on_soft_limit: Annotated[
        OnSoftLimit | None, Doc("What happens at the soft limit: a warning, or a pause.")
    ] = None
    warn_at_pct: Annotated[
        ThresholdsField | None, Doc("The percentages of the limit from which on the budget warns.")
    ] = None
    period: Annotated[PeriodField | None, Doc("Over which periods the limit holds.")] = None
    carry_over: Annotated[
        CarryOverBody | None, Doc("What a period carries over to the next one; null: nothing.")
    ] = None
    mode: Annotated[
        Mode | None, Doc("A budget in shadow mode decides and reports, but never refuses.")
    ] = None
    name: Annotated[NameField | None, Doc("A name for people.")] = None
    slug: Annotated[
        SlugField | None, Doc("A name for tools, unique in the tenant; null: none.")
    ] = None
    metadata: Annotated[
        MetadataField | None, Doc("Any JSON object up to 4 KB; stored and returned unread.")
    ] = None
    opening_spent: Annotated[OpeningSpentField | None, Doc(_OPENING_SPENT)] = None

    @model_validator
    def _changes_something(self) -> Self:
        if self.opening_spent is not None and self.period is None:
            raise ValueError("opening_spent is what another period starts with; send period too")
        return changing(self, nullable=_NULLABLE)

    def applied_to(self, budget: Budget, *, now_ms: int) -> Budget:
        """The budget after the change. Raises InvalidValue where its parts contradict each other.

        Whether a soft limit fits depends on the credits as well: the change checks it.
        """
        changed = replace(
            self._with_other_limits(budget),
            warn_at_pct=(
                budget.warn_at_pct if self.warn_at_pct is None else _thresholds(self.warn_at_pct)
            ),
            name=self.name if "name" in self.model_fields_set else budget.name,
            slug=self.slug if "slug" in self.model_fields_set else budget.slug,
            metadata=budget.metadata if self.metadata is None else self.metadata,
            mode=self.mode or budget.mode,
            updated_at_ms=now_ms,
        )
        check_fields_agree(changed)
        check_opening(changed, self.opening_spent)
        return changed.pausing_anew_after(budget)

    def _with_other_limits(self, budget: Budget) -> Budget:
        soft_limit, carry_over = budget.soft_limit, budget.carry_over
        on_soft_limit = self.on_soft_limit or budget.on_soft_limit
        if "soft_limit" in self.model_fields_set:
            soft_limit = self.soft_limit
            if soft_limit is None and self.on_soft_limit is None:
                on_soft_limit = "warn"
        if "carry_over" in self.model_fields_set:
            carry_over = self.carry_over.to_carry_over() if self.carry_over else None
        return replace(
            budget,
            limit=budget.limit if self.limit is None else self.limit,
            period=budget.period if self.period is None else self.period.to_period(),
            soft_limit=soft_limit,
            on_soft_limit=on_soft_limit,
            carry_over=carry_over,
        )


def _thresholds(percentages: list[int]) -> tuple[int, ...]:
    return tuple(sorted(set(percentages)))


class CreditBody(ProvenanceBody):
    """A top-up, refund or correction; for a default, of the subject that it is for."""

    amount: Annotated[
        CreditAmountField,
        Doc(
            "How much more may be spent in the current period; a negative amount is a correction, "
            "down to what is still available."
        ),
    ]
    subject: Annotated[
        SubjectField | None,
        Doc("The subject whose balance is credited, if the budget is a default."),
    ] = None
    expires_at: Annotated[
        MomentField | None,
        Doc(
            "When the credit ends, as RFC 3339, to the second; left out: with the current period. "
            "With a negative amount: the end of the credit that is corrected."
        ),
    ] = None

    def to_subject(self, *, tenant_id: str) -> Subject | None:
        """Whom it is for, if anybody is named. Raises InvalidValue for another organization."""
        return None if self.subject is None else own_subject(self.subject, tenant_id=tenant_id)
