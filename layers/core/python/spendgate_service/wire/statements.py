"""Statements: what a closed period came to."""

from typing import Annotated, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.statements import StoredStatement
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.values import time_on_wire


class _Subject(TypedDict):
    id: Annotated[str, Doc("The id of the statement.")]
    budget_id: Annotated[str, Doc("The budget whose period was closed.")]
    subject: Annotated[str, Doc("The subject that spent, as type:id.")]


class _Figures(TypedDict):
    period_key: Annotated[str, Doc("The key of the period.")]
    starts_at: Annotated[Time, Doc("The first moment of the period.")]
    ends_at: Annotated[Time, Doc("The first moment after the period.")]
    limit: Annotated[AmountText, Doc("The limit of the period.")]
    credits: Annotated[AmountText, Doc("Top-ups and refunds in the period.")]
    carried_in: Annotated[
        AmountText, Doc("What was carried over from the previous period; negative for a debt.")
    ]
    spent: Annotated[AmountText, Doc("What was spent in the period.")]
    held: Annotated[AmountText, Doc("What open reservations held when the period was closed.")]
    unused: Annotated[AmountText, Doc("What was not used; negative after an overrun.")]
    overrun: Annotated[
        AmountText, Doc("By how much the spent amount is above what could be spent; 0 if not.")
    ]
    carried_out: Annotated[
        AmountText, Doc("What was carried over to the next period; negative for a debt.")
    ]
    closed_at: Annotated[Time, Doc("When the statement was written.")]
    revision: Annotated[int, Doc("The number of the statement among those of its period, from 1.")]
    corrects: Annotated[
        str | None,
        Doc("The id of the statement of the same period that it replaces; null for the first."),
    ]


class _IsFinal(TypedDict):
    is_final: Annotated[bool, Doc("Whether nothing was held any more when it was written.")]


class StatementResponse(_Subject, _Figures, _IsFinal):
    """What a closed period came to."""

    unit: Annotated[str, Doc("The unit of the amounts.")]
    is_current: Annotated[bool, Doc("Whether no later statement replaces it.")]


class ClosedStatement(_Subject, _Figures, _IsFinal):
    """A statement in an event, whose receiver cannot know whether it is still the current one."""

    unit: Annotated[
        str | None, Doc("The unit of the amounts; null if the budget was deleted before.")
    ]


def statement_response(stored: StoredStatement) -> StatementResponse:
    """Build the response about a statement."""
    assert stored.unit is not None, "a list of statements knows the unit of its budget"
    return {
        **_subject(stored),
        "unit": stored.unit,
        **_figures(stored),
        "is_current": stored.is_current,
        "is_final": stored.statement.is_final,
    }


def closed_statement(stored: StoredStatement) -> ClosedStatement:
    """Build the statement of the event about a closed period."""
    return {
        **_subject(stored),
        "unit": stored.unit,
        **_figures(stored),
        "is_final": stored.statement.is_final,
    }


def _subject(stored: StoredStatement) -> _Subject:
    return {
        "id": stored.statement_id,
        "budget_id": stored.budget_id,
        "subject": str(stored.subject),
    }


def _figures(stored: StoredStatement) -> _Figures:
    statement = stored.statement
    period = statement.period
    assert period.starts_at is not None and period.ends_at is not None
    return {
        "period_key": period.key,
        "starts_at": time_on_wire(period.starts_at * 1000),
        "ends_at": time_on_wire(period.ends_at * 1000),
        "limit": amount_text(statement.limit),
        "credits": amount_text(statement.credits),
        "carried_in": amount_text(statement.carried_in),
        "spent": amount_text(statement.spent),
        "held": amount_text(statement.held),
        "unused": amount_text(statement.unused),
        "overrun": amount_text(statement.overrun),
        "carried_out": amount_text(statement.carried_out),
        "closed_at": time_on_wire(statement.closed_at_ms),
        "revision": statement.revision,
        "corrects": stored.corrects,
    }
