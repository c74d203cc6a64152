"""One reservation of a lease: what was granted, spent and returned, and the calls it admitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spendgate._leases.amounts import Units, add
from spendgate._leases.lines import CallInfo, Lines
from spendgate._leases.steps import Report, capture, record

RENEWALS_PER_TTL = 3
"""A reservation is extended at a third of its time to live: that is the renewal interval."""

LAST_SECONDS = 1.0
"""Admission ends so long before a period does: clocks may differ by a second."""

TENURE_SECONDS_MAX = 12 * 3600.0
"""A reservation is replaced after this time; the service keeps none for more than a day."""


class Admission:
    """A call that a lease admitted."""

    __slots__ = ("blocks_until", "estimate", "is_open", "tenure")

    def __init__(self, tenure: Tenure, estimate: Units, blocks_until: float) -> None:
        self.tenure = tenure
        self.estimate = estimate
        self.blocks_until = blocks_until
        """When its estimate comes back at the latest; it may still be settled then."""
        self.is_open = True


class Tenure:
    """A reservation in the hands of its holder.

    For each unit, granted - returned = spent + left + the estimates of the calls that block. All
    totals only grow. Times are of the holder's monotonic clock.
    """

    def __init__(self, reservation_id: str, lines: Lines, *, asked_at: float) -> None:
        self.reservation_id = reservation_id
        self.lines = lines
        self.granted: dict[str, int] = {}
        self.returned: dict[str, int] = {}
        self.left: dict[str, int] = {}
        self.captured: dict[str, int] = {}
        """What the last capture says."""
        self.unconfirmed: Report | None = None
        """The last capture, until the service has confirmed it: there is one in flight."""
        self.calls: dict[Admission, None] = {}
        self.last_estimate: Units = {}
        self.last_admitted_at = asked_at
        self.reported_at = asked_at
        self.opened_at = asked_at
        self.ends_at = self.renew_at = self.admit_until = asked_at
        self.period_ends_at: float | None = None
        self.is_retired = False
        """Nothing more is admitted; it is released once its calls have ended."""
        self.is_lost = False
        """It has expired or is finalized; what its calls spend is reported late."""
        self.is_finalized = False
        """It was settled or released by another: it counts nothing more, so spend is recorded."""
        self.uncounted: dict[str, int] = {}
        """What captures say and the service never counted."""
        self.overdue: set[Admission] = set()
        """Calls that block nothing any more, and may still be settled: it is not released."""

    def admit(self, estimate: Units, now: float, max_call_seconds: float) -> Admission | None:
        """Admit a call if what is left suffices for its estimate."""
        if now >= self.admit_until:
            return None
        left = self.left
        for unit, amount in estimate.items():
            if amount and amount > left.get(unit, 0):
                return None
        return self.take(estimate, now, max_call_seconds)

    def take(self, estimate: Units, now: float, max_call_seconds: float) -> Admission:
        """Admit a call that there is room for, at any time."""
        left = self.left
        for unit, amount in estimate.items():
            if amount:
                left[unit] -= amount
        call = Admission(self, estimate, now + max_call_seconds)
        self.calls[call] = None
        self.last_admitted_at = now
        self.last_estimate = estimate
        return call

    def spend(self, call: Admission, actual: Units, info: CallInfo) -> None:
        """Count what a call came to; a unit that is not named counts at its estimate."""
        estimate = call.estimate
        total = actual if actual.keys() >= estimate.keys() else {**estimate, **actual}
        self.end(call)
        left = self.left
        for unit, amount in total.items():
            if amount:
                left[unit] = left.get(unit, 0) - amount
        self.lines.add(total, info)

    def end(self, call: Admission) -> None:
        """Let a call spend nothing more, and give back what it blocks."""
        call.is_open = False
        if call in self.calls:
            self._give_back(call)
        else:
            self.overdue.discard(call)

    def disown(self) -> None:
        """End all calls without counting them: another process does."""
        for call in (*self.calls, *self.overdue):
            call.is_open = False

    def give_back_overdue(self, now: float) -> None:
        """Give back what calls block whose time is over; each may still be settled, late."""
        for call in [call for call in self.calls if call.blocks_until <= now]:
            self._give_back(call)
            if call.is_open:
                self.overdue.add(call)

    def _give_back(self, call: Admission) -> None:
        del self.calls[call]
        left = self.left
        for unit, amount in call.estimate.items():
            if amount:
                left[unit] += amount

    @property
    def used(self) -> dict[str, int]:
        """What was spent, and what open calls may still spend."""
        return {
            unit: granted - self.returned.get(unit, 0) - self.left.get(unit, 0)
            for unit, granted in self.granted.items()
        }

    @property
    def returnable(self) -> dict[str, int]:
        """What is left and can be given back; nothing once the reservation is lost."""
        if self.is_lost:
            return {}
        return {unit: amount for unit, amount in self.left.items() if amount > 0}

    @property
    def is_unreported(self) -> bool:
        """Whether something was spent that no report says, or none that counted."""
        return len(self.lines) > 0 or bool(self.uncounted)

    @property
    def grows_until(self) -> float:
        """Until when it may grow: its end, or that of its period."""
        ends = [self.ends_at, self.opened_at + TENURE_SECONDS_MAX]
        if self.period_ends_at is not None:
            ends.append(self.period_ends_at - LAST_SECONDS)
        return min(ends)

    def granted_to(self, totals: Units) -> None:
        """Take note of what is granted in all; an older response changes nothing."""
        for unit, total in totals.items():
            more = total - self.granted.get(unit, 0)
            if more > 0:
                self.granted[unit] = total
                self.left[unit] = self.left.get(unit, 0) + more

    def renewed(self, *, asked_at: float, ttl_seconds: float, period_ends_at: float | None) -> None:
        """Take note of a renewal: it counts from the moment before it was asked for.

        Admission ends one renewal interval before the reservation does, and a second before the
        period does.
        """
        interval = ttl_seconds / RENEWALS_PER_TTL
        self.ends_at = max(self.ends_at, asked_at + ttl_seconds)
        self.renew_at = asked_at + interval
        known = (self.period_ends_at, period_ends_at)
        self.period_ends_at = min((end for end in known if end is not None), default=None)
        self.admit_until = min(self.ends_at - interval, self.grows_until)

    def finalized_at(self, counted: Units) -> None:
        """Take note that another has finalized it, and what of it counts for good."""
        if self.is_finalized:
            return
        self.is_finalized = self.is_lost = True
        self.unconfirmed = None
        self.uncounted = {
            unit: more
            for unit, total in self.captured.items()
            if (more := total - counted.get(unit, 0)) > 0
        }

    def record(self, subjects: Mapping[str, str]) -> Report | None:
        """Make the record of what a finalized reservation does not count, if there is any."""
        actual, _ = self.lines.take()
        add(actual, self.uncounted)
        self.uncounted = {}
        spent = {unit: amount for unit, amount in actual.items() if amount}
        return record(self.reservation_id, subjects=subjects, actual=spent) if spent else None

    def capture(self, returned: Units, now: float, *, is_last: bool = False) -> Report:
        """Make the capture of what was spent since the last one, and of what is given back.

        It may carry a part of the lines; the next one carries the rest.
        """
        for unit, amount in returned.items():
            if amount > 0:
                self.left[unit] -= amount
                self.returned[unit] = self.returned.get(unit, 0) + amount
        since = dict(self.captured)
        spent, entries = self.lines.take()
        add(self.captured, spent)
        self.reported_at = now
        return capture(
            self.reservation_id,
            actual=self.captured,
            returned=self.returned,
            since=since,
            entries=entries,
            is_last=is_last,
        )


def read_period_end(response: Mapping[str, Any], *, asked_at: float) -> float | None:
    """When the first period ends whose end is fixed, by the holder's clock; None: none does.

    `resets_in_seconds` is counted from after `asked_at` and may be rounded up.
    """
    ends = [
        asked_at + balance["resets_in_seconds"] - 1
        for balance in response.get("budgets", ())
        if balance["period"]["type"] in ("calendar", "duration")
        and balance.get("resets_in_seconds") is not None
    ]
    return min(ends, default=None)
