"""The result of one budget's audit: how much was compared, and every difference."""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.subjects import Subject


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that differs from the ledger, or the spend of the usage log.

    `entitlement` is the limit plus all credits and the carried-in amount; `carried` is the
    carried-in minus the carried-out amount.
    """

    subject: Subject
    period_key: str
    balance: Literal["spent", "entitlement", "carried", "usage_log"]
    expected: Amount
    found: Amount


@dataclass(frozen=True, slots=True)
class Audit:
    """A page of an audit: the numbers of compared objects and the differences.

    `records` is None where the usage log was not compared.
    """

    counters: int
    entries: int
    differences: tuple[Difference, ...]
    next_cursor: str | None = None
    records: int | None = None
