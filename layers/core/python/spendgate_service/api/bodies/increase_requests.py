"""The bodies of increase requests: what a caller asks for, and what is decided."""

from typing import Annotated, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.budgets import SubjectField, own_subject
from spendgate_service.api.bodies.declaring import (
    JsonSchema,
    model_validator,
)
from spendgate_service.api.bodies.fields import (
    DescriptionField,
    MomentField,
    ObjectIdField,
    PositiveAmountField,
    UnitField,
)
from spendgate_service.domain.subjects import Subject
from spendgate_service.wire.fields import Doc

_BY_BUDGET: JsonSchema = {
    "required": ["budget_id"],
    "properties": {"budget_id": {"type": "string"}, "unit": {"type": "null"}},
}
_BY_SUBJECT: JsonSchema = {
    "required": ["subject", "unit"],
    "properties": {
        "subject": {"type": "string"},
        "unit": {"type": "string"},
        "budget_id": {"type": "null"},
    },
}


class CreateIncreaseRequestBody(Body, json_schema_extra={"anyOf": [_BY_BUDGET, _BY_SUBJECT]}):
    """A request for more on a budget."""

    budget_id: Annotated[
        ObjectIdField | None, Doc("The budget, as a refusal names it; or send subject and unit.")
    ] = None
    subject: Annotated[
        SubjectField | None,
        Doc("Who wants to spend more, as type:id; needed if the budget is a default."),
    ] = None
    unit: Annotated[
        UnitField | None,
        Doc("In which unit; of the budgets on the subject, the one with the least left is meant."),
    ] = None
    amount: Annotated[PositiveAmountField, Doc("How much more, in the unit of the budget.")]
    until: Annotated[
        MomentField | None,
        Doc(
            "Until when, to the second, and at least a minute from now; null: for the current "
            "period of the budget."
        ),
    ] = None
    reason: Annotated[DescriptionField, Doc("Why, for the person who decides.")]

    @model_validator
    def _names_a_budget(self) -> Self:
        if (self.budget_id is None) == (self.unit is None):
            raise ValueError("send budget_id, or subject and unit")
        if self.unit is not None and self.subject is None:
            raise ValueError("send subject as well as unit, or budget_id alone")
        return self

    def to_subject(self, *, tenant_id: str) -> Subject | None:
        """Return who wants more, if that is named. Raises InvalidValue."""
        return None if self.subject is None else own_subject(self.subject, tenant_id=tenant_id)


class ApproveBody(Body):
    """An approval; what is left out is as it was asked for."""

    amount: Annotated[
        PositiveAmountField | None, Doc("How much to credit; left out: what was asked for.")
    ] = None
    until: Annotated[
        MomentField | None,
        Doc(
            "When the credit ends, to the second; left out: when was asked for; null: with the "
            "current period."
        ),
    ] = None
    note: Annotated[DescriptionField | None, Doc("What to tell the caller.")] = None


class DenyBody(Body):
    """A denial."""

    note: Annotated[DescriptionField | None, Doc("What to tell the caller.")] = None
