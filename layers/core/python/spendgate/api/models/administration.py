"""The bodies of budgets, keys and tenants."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from spendgate.api.models.fields import (
    METADATA_BYTES_MAX,
    AmountField,
    Body,
    LabelField,
    NameField,
    TenantIdField,
    UnitField,
)
from spendgate.domain.budgets import WARN_AT_PCT_DEFAULT, Budget
from spendgate.domain.errors import InvalidValue
from spendgate.domain.periods import CalendarPeriod, CalendarUnit, NoPeriod, PeriodRule, zone
from spendgate.domain.subjects import ANY_ID, ORGANIZATION, Subject, parse_subject
from spendgate.domain.tenants import Tenant, UnpricedModel

THRESHOLDS_MAX = 10  # each one may become an event per period


def _budget_subject(text: str) -> str:
    try:
        parse_subject(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return text


def _timezone(name: str) -> str:
    try:
        zone(name)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    return name


def _small(metadata: dict[str, str]) -> dict[str, str]:
    size = sum(len(name.encode()) + len(text.encode()) + 6 for name, text in metadata.items()) + 1
    if size > METADATA_BYTES_MAX:
        raise ValueError(f"metadata has at most {METADATA_BYTES_MAX} bytes as JSON")
    return metadata


class NoPeriodBody(Body):
    """A balance that never resets."""

    type: Literal["none"]

    def to_period(self) -> PeriodRule:
        """The rule."""
        return NoPeriod()


class CalendarPeriodBody(Body):
    """A period of the calendar, in a time zone."""

    type: Literal["calendar"]
    unit: CalendarUnit
    timezone: Annotated[LabelField, AfterValidator(_timezone)] = "UTC"

    def to_period(self) -> PeriodRule:
        """The rule."""
        return CalendarPeriod(self.unit, self.timezone)


PeriodField = Annotated[NoPeriodBody | CalendarPeriodBody, Field(discriminator="type")]
PercentField = Annotated[int, Field(ge=1, le=100)]
ThresholdsField = Annotated[list[PercentField], Field(max_length=THRESHOLDS_MAX)]
BudgetMetadataField = Annotated[dict[str, str], AfterValidator(_small)]


class CreateBudgetBody(Body):
    """A new budget."""

    subject: Annotated[str, AfterValidator(_budget_subject)]
    unit: UnitField
    limit: AmountField
    warn_at_pct: ThresholdsField = Field(default_factory=lambda: list(WARN_AT_PCT_DEFAULT))
    period: PeriodField = NoPeriodBody(type="none")
    name: NameField | None = None
    metadata: BudgetMetadataField = Field(default_factory=dict)

    def to_subject(self, *, tenant_id: str) -> Subject:
        """Whom it limits. Raises InvalidValue for another tenant than the caller's."""
        subject = parse_subject(self.subject)
        if subject.type == ORGANIZATION and subject.id not in {tenant_id, ANY_ID}:
            own = Subject(ORGANIZATION, tenant_id)
            raise InvalidValue(
                f"body.subject: {subject} is not your organization; write {own}",
                param="body.subject",
            )
        return subject

    def to_budget(self, *, tenant_id: str, budget_id: str, now_ms: int) -> Budget:
        """The budget. Raises InvalidValue as `to_subject` does."""
        return Budget(
            budget_id=budget_id,
            subject=self.to_subject(tenant_id=tenant_id),
            unit=self.unit,
            limit=self.limit,
            period=self.period.to_period(),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            warn_at_pct=_thresholds(self.warn_at_pct),
            name=self.name,
            metadata=self.metadata,
        )


class PatchBudgetBody(Body):
    """A change to a budget: only what is named changes; `name` may be set to null."""

    limit: AmountField | None = None
    warn_at_pct: ThresholdsField | None = None
    period: PeriodField | None = None
    name: NameField | None = None
    metadata: BudgetMetadataField | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self

    def applied_to(self, budget: Budget, *, now_ms: int) -> Budget:
        """The budget after the change."""
        return replace(
            budget,
            limit=budget.limit if self.limit is None else self.limit,
            warn_at_pct=(
                budget.warn_at_pct if self.warn_at_pct is None else _thresholds(self.warn_at_pct)
            ),
            period=budget.period if self.period is None else self.period.to_period(),
            name=self.name if "name" in self.model_fields_set else budget.name,
            metadata=budget.metadata if self.metadata is None else self.metadata,
            updated_at_ms=now_ms,
        )


def _thresholds(percentages: list[int]) -> tuple[int, ...]:
    return tuple(sorted(set(percentages)))


class CreateKeyBody(Body):
    """A new API key of the caller's tenant."""

    role: Literal["admin", "caller", "reader"]
    name: NameField | None = None


class CreateTenantBody(Body):
    """A new tenant."""

    tenant_id: TenantIdField
    name: NameField | None = None
    require_budget: bool = False
    unpriced_model: UnpricedModel = "reject"

    def to_tenant(self, *, now_ms: int) -> Tenant:
        """The tenant."""
        return Tenant(
            tenant_id=self.tenant_id,
            name=self.name,
            require_budget=self.require_budget,
            unpriced_model=self.unpriced_model,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )


class PatchTenantBody(Body):
    """A change to the settings of the caller's tenant: only what is named changes."""

    name: NameField | None = None
    require_budget: bool | None = None
    unpriced_model: UnpricedModel | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self

    def applied_to(self, tenant: Tenant, *, now_ms: int) -> Tenant:
        """The tenant after the change."""
        return replace(
            tenant,
            name=self.name if "name" in self.model_fields_set else tenant.name,
            require_budget=(
                tenant.require_budget if self.require_budget is None else self.require_budget
            ),
            unpriced_model=self.unpriced_model or tenant.unpriced_model,
            updated_at_ms=now_ms,
        )
