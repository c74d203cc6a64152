"""The bodies of budgets: creating, changing, topping up."""

from dataclasses import replace
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from spendgate_service.api.bodies.fields import (
    SUBJECT_SCHEMA,
    AmountField,
    Body,
    MetadataField,
    NameField,
    PositiveAmountField,
    ProvenanceBody,
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
    check_fits_together,
)
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.subjects import ANY_ID, ORGANIZATION, Subject, parse_subject

_NULLABLE = ("soft_limit", "carry_over", "name")

THRESHOLDS_MAX = 10  # each one may become an event per period


def _subject(text: str) -> str:
    try:
        parse_subject(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


class CarryOverBody(Body):
    """What goes into the next period: what was not used, up to `max`, and what was overdrawn."""

    unused: bool = False
    max: AmountField | None = None
    debt: bool = False

    def to_carry_over(self) -> CarryOver:
        """The definition."""
        return CarryOver(unused=self.unused, max=self.max, debt=self.debt)


PercentField = Annotated[int, Field(ge=1, le=100)]
ThresholdsField = Annotated[list[PercentField], Field(max_length=THRESHOLDS_MAX)]
SubjectField = Annotated[str, AfterValidator(_subject), WithJsonSchema(SUBJECT_SCHEMA)]


class CreateBudgetBody(Body):
    """A new budget."""

    subject: SubjectField
    unit: UnitField
    limit: AmountField
    soft_limit: AmountField | None = None
    on_soft_limit: OnSoftLimit = "warn"
    warn_at_pct: ThresholdsField = Field(default_factory=lambda: list(WARN_AT_PCT_DEFAULT))
    period: PeriodField = NoPeriodBody(type="none")
    carry_over: CarryOverBody | None = None
    mode: Mode = "enforce"
    name: NameField | None = None
    metadata: MetadataField = Field(default_factory=dict)

    def to_budget(self, *, tenant_id: str, budget_id: str, now_ms: int) -> Budget:
        """The budget.

        Raises InvalidValue for another tenant than the caller's, or for a budget whose parts
        contradict each other.
        """
        subject = parse_subject(self.subject)
        check_own_organization(subject, tenant_id=tenant_id, param="body.subject")
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
            metadata=self.metadata,
            soft_limit=self.soft_limit,
            on_soft_limit=self.on_soft_limit,
            mode=self.mode,
            carry_over=self.carry_over.to_carry_over() if self.carry_over else None,
        )
        check_fits_together(budget)
        return budget


def check_own_organization(subject: Subject, *, tenant_id: str, param: str) -> None:
    """Raises InvalidValue for an organization that is not the caller's."""
    if subject.type == ORGANIZATION and subject.id not in {tenant_id, ANY_ID}:
        own = Subject(ORGANIZATION, tenant_id)
        raise InvalidValue(f"{param}: {subject} is not your organization; write {own}", param=param)


class PatchBudgetBody(Body):
    """A change to a budget: only what is named changes.

    `soft_limit`, `carry_over` and `name` may be set to null; any other null is refused.
    """

    model_config = ConfigDict(json_schema_extra=patch_schema(nullable=_NULLABLE))

    limit: AmountField | None = None
    soft_limit: AmountField | None = None
    on_soft_limit: OnSoftLimit | None = None
    warn_at_pct: ThresholdsField | None = None
    period: PeriodField | None = None
    carry_over: CarryOverBody | None = None
    mode: Mode | None = None
    name: NameField | None = None
    metadata: MetadataField | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        return changing(self, nullable=_NULLABLE)

    def applied_to(self, budget: Budget, *, now_ms: int) -> Budget:
        """The budget after the change. Raises InvalidValue where its parts contradict each other.

        A soft limit that is set anew pauses anew, also if a resume had lifted the old one.
        """
        changed = replace(
            self._with_other_limits(budget),
            warn_at_pct=(
                budget.warn_at_pct if self.warn_at_pct is None else _thresholds(self.warn_at_pct)
            ),
            name=self.name if "name" in self.model_fields_set else budget.name,
            metadata=budget.metadata if self.metadata is None else self.metadata,
            mode=self.mode or budget.mode,
            updated_at_ms=now_ms,
        )
        check_fits_together(changed)
        if _soft_pause(changed) != _soft_pause(budget):
            return replace(changed, resumed_at_ms=None)
        return changed

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


def _soft_pause(budget: Budget) -> tuple[object, ...]:
    return budget.soft_limit, budget.on_soft_limit, budget.period


def _thresholds(percentages: list[int]) -> tuple[int, ...]:
    return tuple(sorted(set(percentages)))


class CreditBody(ProvenanceBody):
    """A top-up or refund; for a default, of the subject that it is for."""

    amount: PositiveAmountField
    subject: SubjectField | None = None

    def to_subject(self) -> Subject | None:
        """Whom it is for, if anybody is named."""
        return None if self.subject is None else parse_subject(self.subject)
