"""What was spent: the balances of subjects, and spend recorded without a reservation."""

from collections.abc import Iterable
from typing import Annotated, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgeted import UNBUDGETED
from spendgate_service.domain.settlements import RecordedSpend
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import BudgetShare
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.fields import Amounts, AmountText, Doc, Subjects, Time
from spendgate_service.wire.ledger import (
    ConvertedFrom,
    LedgerEntryResponse,
    converted_from,
    ledger_entry_response,
)
from spendgate_service.wire.values import amounts_on_wire, subjects_on_wire, time_on_wire


class SpendResponse(TypedDict):
    """The balances of every budget on some subjects."""

    tenant_id: Annotated[str, Doc("The tenant.")]
    subjects: Annotated[Subjects, Doc("The subjects that the query named: the id of each type.")]
    budgets: Annotated[
        list[BalanceResponse],
        Doc("The balance of every budget on one of them, in the order of refusals."),
    ]
    warnings: Annotated[
        list[str], Doc("A sentence for each subject type that no budget has ever had.")
    ]


class _BudgetShare(TypedDict):
    """A share, apart from what its amount was converted from."""

    budget_id: Annotated[str, Doc("The budget.")]
    subject: Annotated[str, Doc("The subject whose balance it is, as type:id.")]
    period_key: Annotated[
        str | None, Doc("The period in which the spend occurred; null: no window was open then.")
    ]
    unit: Annotated[str, Doc("The budget's unit.")]
    amount: Annotated[AmountText, Doc("The amount, in the budget's unit.")]
    counted: Annotated[
        bool,
        Doc(
            "Whether the budget counts it; not if it had no balance in the period, or a rolling "
            "window has passed."
        ),
    ]


class BudgetShareResponse(_BudgetShare, ConvertedFrom):
    """What recorded spend comes to on one budget."""


class RecordedSpendResponse(TypedDict):
    """Spend that was recorded without a reservation."""

    usage_id: Annotated[str, Doc("The id of its record in the usage log.")]
    subjects: Annotated[Subjects, Doc("The subjects that the request named: the id of each type.")]
    actual: Annotated[Amounts, Doc("What was spent, by unit.")]
    entries: Annotated[list[LedgerEntryResponse], Doc("The ledger entries that it made.")]
    budgets: Annotated[
        list[BudgetShareResponse], Doc("Every budget that applies, in the order of refusals.")
    ]
    warnings: Annotated[
        list[str],
        Doc("A sentence if no budget applies, and for each type and unit that no budget ever had."),
    ]
    unbudgeted: Annotated[bool, Doc("Whether no budget applies, so that no balance counts it.")]
    unpriced: Annotated[
        bool, Doc("Whether the usage counts in tokens only, because its model has no price.")
    ]
    occurred_at: Annotated[Time, Doc("When the spend occurred.")]
    created_at: Annotated[Time, Doc("When the spend was recorded.")]


def spend_response(
    *,
    tenant_id: str,
    subjects: Iterable[Subject],
    balances: Iterable[Balance],
    notes: Iterable[str] = (),
) -> SpendResponse:
    """Build the response about what subjects have spent."""
    return {
        "tenant_id": tenant_id,
        "subjects": subjects_on_wire(subjects),
        "budgets": [balance_response(balance) for balance in balances],
        "warnings": list(notes),
    }


def recorded_spend_response(recorded: RecordedSpend) -> RecordedSpendResponse:
    """Build the response about recorded spend and what it debited."""
    return {
        "usage_id": recorded.usage_id,
        "subjects": subjects_on_wire(recorded.subjects),
        "actual": amounts_on_wire(recorded.actual),
        "entries": [ledger_entry_response(entry) for entry in recorded.entries],
        "budgets": [budget_share(share) for share in recorded.shares],
        "warnings": [*recorded.notes, *([] if recorded.shares else [UNBUDGETED])],
        "unbudgeted": not recorded.shares,
        "unpriced": recorded.unpriced,
        "occurred_at": time_on_wire(recorded.occurred_at_ms),
        "created_at": time_on_wire(recorded.created_at_ms),
    }


def budget_share(share: BudgetShare) -> BudgetShareResponse:
    """Build the part of a response about one budget of a spend."""
    return {
        "budget_id": share.budget_id,
        "subject": str(share.subject),
        "period_key": share.period_key,
        "unit": share.unit,
        "amount": amount_text(share.amount),
        "counted": share.counted,
        **converted_from(share.origin),
    }
