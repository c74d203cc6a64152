"""Refusals folded by minute: who was refused, by which budget, how often, since when."""

from dataclasses import dataclass

from spendgate_service.domain.amounts import Amount


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often a budget refused a subject with a code; `says` and `request_id` are the last's.

    `minute` is the one in which the item was written, in epoch seconds.
    """

    minute: int
    budget_id: str
    subject: str
    code: str
    unit: str
    count: int
    requested_max: Amount
    first_at_ms: int
    last_at_ms: int
    says: str
    request_id: str
