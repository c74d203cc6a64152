"""The usage log: one record for each spend, however many budgets it touched."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.prices import PriceSource
from spendgate_service.domain.rates import Origin
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import API_KEY, Subject, id_of_type


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """What a spend comes to on one budget.

    It is not `counted` where the budget has no counter for the period in which it occurred. In a
    rolling window, `leaves_at` is the moment at which it leaves the window. `origin` is what the
    amount was converted from, if it was.
    """

    budget_id: str
    subject: Subject
    period_key: str | None
    unit: str
    amount: Amount
    counted: bool = True
    leaves_at: int | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class MeteredUsage:
    """What a call to a model used; `provider` and `model` are normalised names.

    `priced_by` is the source of the price, None where the caller sent the cost, or no price is
    known.
    """

    provider: str
    model: str
    usage: Usage
    priced_by: PriceSource | None = None


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One spend. `calls` is how many calls it stands for.

    A reversal `reverses` an earlier record: its amounts, counts and calls are negative. The id is
    given when the record is written, with `recorded_at_ms`.
    """

    subjects: tuple[Subject, ...]
    amounts: Mapping[str, Amount]
    occurred_at_ms: int
    budgets: tuple[BudgetShare, ...] = ()
    metered: MeteredUsage | None = None
    provenance: Provenance = field(default_factory=Provenance)
    calls: int = 1
    reservation_id: str | None = None
    late: bool = False
    overrun: bool = False
    metadata: Mapping[str, object] = field(default_factory=dict)
    reverses: str | None = None
    record_id: str = ""
    recorded_at_ms: int = 0

    @property
    def key_id(self) -> str | None:
        """The API key that spent; None for a message of the queue."""
        return self.subject_id(API_KEY)

    def subject_id(self, subject_type: str) -> str | None:
        """Return the id of the subject of a type; None if the spend has none."""
        return id_of_type(self.subjects, subject_type)

    def counting(self, entries: Collection[LedgerEntry]) -> "UsageRecord":
        """Return the record with the budgets counted on which the ledger has an entry of it."""
        counted = {(entry.budget_id, entry.subject) for entry in entries}
        are_counted = [(share.budget_id, share.subject) in counted for share in self.budgets]
        if are_counted == [share.counted for share in self.budgets]:
            return self
        return replace(
            self,
            budgets=tuple(
                replace(share, counted=is_counted)
                for share, is_counted in zip(self.budgets, are_counted, strict=True)
            ),
        )


def reversal_of(record: UsageRecord, reason: str | None) -> UsageRecord:
    """Return the record that undoes a record: the same spend with every number negative."""
    return replace(
        record,
        amounts={unit: -amount for unit, amount in record.amounts.items()},
        budgets=tuple(replace(share, amount=-share.amount) for share in record.budgets),
        metered=record.metered and replace(record.metered, usage=-record.metered.usage),
        provenance=Provenance(ref_type="usage_record", ref_id=record.record_id, description=reason),
        calls=-record.calls,
        late=False,
        overrun=False,
        reverses=record.record_id,
    )


def calls_of(metered: MeteredUsage | None) -> int:
    """Return how many calls a spend stands for: those that were billed, or one."""
    return metered.usage.requests if metered else 1
