"""Refusals folded by minute: who was refused, by which budget, how often, since when."""

from dataclasses import dataclass, replace

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

    def after(self, before: "Refusals") -> "Refusals":
        """Return these refusals together with earlier ones of the same kind."""
        return replace(
            self,
            count=before.count + self.count,
            requested_max=max(before.requested_max, self.requested_max),
            first_at_ms=min(before.first_at_ms, self.first_at_ms),
        )
