"""The audit of one budget."""

from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.audit import Audit, Difference
from spendgate_service.wire.fields import AmountText, Doc


class DifferenceResponse(TypedDict):
    """A number of a counter, or of the usage log, that is not what the ledger adds up to."""

    subject: Annotated[str, Doc("The subject whose counter it is, as type:id.")]
    period_key: Annotated[str, Doc("The key of the counter's period.")]
    balance: Annotated[
        Literal["spent", "entitlement", "carried", "usage_log"],
        Doc(
            "Which number differs: entitlement is the limit with credits and what was carried in, "
            "carried is what was carried in less what was carried out; usage_log is what was spent "
            "by the usage log."
        ),
    ]
    expected: Annotated[AmountText, Doc("What the ledger adds up to.")]
    found: Annotated[AmountText, Doc("What the counter, or the usage log, says.")]


class AuditResponse(TypedDict):
    """What was compared, and what differs."""

    budget_id: Annotated[str, Doc("The budget that was audited.")]
    counters: Annotated[int, Doc("How many counters were compared.")]
    entries: Annotated[int, Doc("How many ledger entries were added up.")]
    records: Annotated[
        int | None,
        Doc(
            "How many usage records of the budget were added up. Null where the tenant has more "
            "than 100,000 records on the days of its periods: the audit of the whole table "
            "compares them."
        ),
    ]
    differences: Annotated[
        list[DifferenceResponse],
        Doc("Every number that does not equal the ledger; empty if all are equal."),
    ]
    next_cursor: Annotated[str | None, Doc("Where the next page begins; null on the last page.")]


def audit_response(budget_id: str, audit: Audit) -> AuditResponse:
    """Build the response to an audit."""
    return {
        "budget_id": budget_id,
        "counters": audit.counters,
        "entries": audit.entries,
        "records": audit.records,
        "differences": [_difference(difference) for difference in audit.differences],
        "next_cursor": audit.next_cursor,
    }


def _difference(difference: Difference) -> DifferenceResponse:
    return {
        "subject": str(difference.subject),
        "period_key": difference.period_key,
        "balance": difference.balance,
        "expected": amount_text(difference.expected),
        "found": amount_text(difference.found),
    }
