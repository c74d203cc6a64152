"""What an audit of one budget found: how much was compared, and every difference."""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.subjects import Subject


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that is not what the ledger says.

    `entitlement` is the limit with all credits and what was carried in; `carried` is what was
    carried in, less what was carried out.
    """

    subject: Subject
    period_key: str
    balance: Literal["spent", "entitlement", "carried"]
    expected: Amount
    found: Amount


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit has seen, and what was wrong with it; there may be more at `next_cursor`."""

    counters: int
    entries: int
    differences: tuple[Difference, ...]
    next_cursor: str | None = None
