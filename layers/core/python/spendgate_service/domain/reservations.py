"""Reservations: what is held, for which subjects, and the state of the reservation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spendgate_service.domain.amounts import AMOUNT_MAX, Amount
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.hold_buckets import CHARGE_GRACE_SECONDS
from spendgate_service.domain.rates import Conversion, Origin, Rate, origin_of, usable_conversions
from spendgate_service.domain.subjects import Subject

type StoredState = Literal["held", "settled", "released"]
type OnExpiry = Literal["release", "charge"]
type ReservationState = Literal["held", "settled", "released", "expired"]

LATE_SETTLEMENT_SECONDS = 86_400
"""How long after its expiry an unsettled reservation is kept for a late settlement."""


@dataclass(frozen=True, slots=True)
class Line:
    """The hold of one reservation on one counter.

    `subject` is the spending subject; `period_key` is the period of the reservation, in which its
    settlement counts. `amount` is in the budget's unit.
    """

    budget_id: str
    subject: Subject
    unit: str
    period_key: str
    amount: Amount
    conversions: tuple[Conversion, ...] = ()

    def cost(self, actual: Mapping[str, Amount]) -> Amount:
        """Return an actual cost on this counter, by `origin_of`.

        Raises InvalidValue if the result exceeds the largest amount.
        """
        origin = self.origin(actual)
        if origin is None:
            return actual[self.unit]
        return self._countable(origin.converted)

    def _countable(self, amount: Amount) -> Amount:
        if amount > AMOUNT_MAX:
            raise InvalidValue(
                f"body.actual: it comes to more than can be counted in {self.unit}",
                param="body.actual",
            )
        return amount

    def reach(self, amounts: Mapping[str, Amount]) -> Amount:
        """Return the most that amounts come to here, in the line's unit or converted.

        It grows with the amounts, so the totals of captures count once, in any order.
        Raises InvalidValue if the result exceeds the largest amount.
        """
        converted = [
            conversion.converted(amounts[conversion.unit])
            for conversion in self.conversions
            if conversion.unit in amounts
        ]
        return self._countable(max(amounts.get(self.unit, 0), *converted, 0))

    def origin(self, actual: Mapping[str, Amount]) -> Origin | None:
        """Return the actual amount that counts by conversion; None if the line's unit counts."""
        return origin_of(self.unit, actual, self.conversions)

    def unconverted(
        self, held: Mapping[str, Amount], actual: Mapping[str, Amount]
    ) -> dict[str, Amount]:
        """Return the actual amounts that may count here at rates of the settlement.

        They are in units that were not held; the rates of held units are those of the reservation,
        unless nothing had to be converted then. A rate that a capture counted at stays.
        """
        if actual.get(self.unit):
            return {}
        counted_at = {conversion.unit for conversion in self.conversions}
        known = counted_at | ({*held} if counted_at & {*held} else set())
        return {
            unit: amount
            for unit, amount in actual.items()
            if amount and unit != self.unit and unit not in known
        }

    def with_rates(
        self,
        rates: Mapping[str, Rate],
        held: Mapping[str, Amount],
        actual: Mapping[str, Amount],
        *,
        now_ms: int,
    ) -> "Line":
        """Return the line with the conversions of its settlement, if one of them counts most."""
        added = usable_conversions(self.unconverted(held, actual), rates, now_ms=now_ms)
        line = replace(self, conversions=(*self.conversions, *added))
        return self if line.origin(actual) == self.origin(actual) else line


@dataclass(frozen=True, slots=True)
class Provenance:
    """The source of a settled amount, as the caller reported it."""

    meter_source: str | None = None
    ref_type: str | None = None
    ref_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """An estimate held on every budget that applies to it, all or none.

    A lease is one that is captured in parts: `amounts` are all that was granted, `captured` and
    `returned` what of it was reported as spent and given back, as totals since the start. All of
    them only grow, and each change adds to `revision`.

    `fingerprint` is that of the request that reserved, `settled_by` of the one that settled.
    """

    reservation_id: str
    subjects: tuple[Subject, ...]
    amounts: Mapping[str, Amount]
    lines: tuple[Line, ...]
    bucket: int
    created_at_ms: int
    expires_at_ms: int
    fingerprint: str
    state: StoredState = "held"
    actual: Mapping[str, Amount] | None = None
    settled_by: str | None = None
    finalized_at_ms: int | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    captured: Mapping[str, Amount] = field(default_factory=dict)
    returned: Mapping[str, Amount] = field(default_factory=dict)
    revision: int = 0
    on_expiry: OnExpiry = "release"
    charged: bool = False
    captured_late: bool = False

    @property
    def charges(self) -> bool:
        """Whether what is held counts as spent when it expires."""
        return self.on_expiry == "charge"

    @property
    def is_in_use(self) -> bool:
        """Whether something was captured or given back."""
        return any(self.captured.values()) or any(self.returned.values())

    @property
    def counted(self) -> Mapping[str, Amount]:
        """What counts as spent, by unit: once it is charged, all that was not given back."""
        if self.actual is not None:
            return self.actual
        if not self.charged:
            return self.captured
        charged = {
            unit: max(left, self.captured.get(unit, 0)) for unit, left in self.not_returned.items()
        }
        return {**self.captured, **charged}

    def state_at(self, *, now_ms: int) -> ReservationState:
        """Return the public state: an unsettled hold past its expiry is `expired`."""
        if self.state == "held" and now_ms >= self.expires_at_ms:
            return "expired"
        return self.state

    @property
    def late(self) -> bool:
        """Whether it was settled or captured after its hold had expired."""
        settled_at_ms = self.finalized_at_ms if self.state == "settled" else None
        is_settled_late = settled_at_ms is not None and settled_at_ms >= self.expires_at_ms
        return self.captured_late or is_settled_late

    @property
    def overrun(self) -> bool:
        """Whether more than was granted was settled or captured in any unit that was granted."""
        spent = self.captured if self.actual is None else self.actual
        return any(spent.get(unit, 0) > granted for unit, granted in self.amounts.items())

    @property
    def not_returned(self) -> dict[str, Amount]:
        """What was granted and not given back."""
        return {
            unit: max(0, granted - self.returned.get(unit, 0))
            for unit, granted in self.amounts.items()
        }

    @property
    def uncaptured(self) -> dict[str, Amount]:
        """What was granted, and neither captured nor given back."""
        return {
            unit: max(0, left - self.captured.get(unit, 0))
            for unit, left in self.not_returned.items()
        }

    def spent_by(self, *, now_ms: int) -> int:
        """Return the latest moment at which it can have been spent, also if it is reported late.

        By then its hold has ended: at its expiry, rounded up as its bucket is.
        """
        return min(now_ms, (self.bucket - CHARGE_GRACE_SECONDS * self.charges) * 1000)

    def held_at(self, *, now_ms: int) -> dict[str, Amount]:
        """Return what is held by unit; nothing once the hold has ended."""
        return self.uncaptured if self.state_at(now_ms=now_ms) == "held" else {}

    def held_on(self, line: Line) -> Amount:
        """Return what the reservation holds on the counter of a line; nothing once it is closed."""
        if self.state != "held" or self.charged:
            return 0
        return line.reach(self.uncaptured) if self.revision else line.amount

    def spent_on(self, line: Line) -> Amount:
        """Return what counts as spent on the counter of a line: captured, charged or settled."""
        if self.state != "settled":
            return line.reach(self.counted)
        return max(line.reach(self.captured), line.cost(self.actual or {}))

    def settled_amounts(self, actual: Mapping[str, Amount]) -> dict[str, Amount]:
        """Return the settled amounts: a unit that is not named costs what was captured of it.

        If nothing was, a held unit costs its estimate.
        """
        return {**self.not_returned, **self.captured, **actual}

    def grown(self, granted: Mapping[str, Amount]) -> "Reservation":
        """Return the lease with larger totals granted; the same object if none is larger."""
        larger = {unit: max(before, granted.get(unit, 0)) for unit, before in self.amounts.items()}
        if larger == self.amounts:
            return self
        return replace(
            self,
            amounts=larger,
            lines=tuple(replace(line, amount=line.reach(larger)) for line in self.lines),
            revision=self.revision + 1,
        )

    def extended(self, *, bucket: int, expires_at_ms: int) -> "Reservation":
        """Return the reservation with another expiry."""
        return replace(self, bucket=bucket, expires_at_ms=expires_at_ms)
