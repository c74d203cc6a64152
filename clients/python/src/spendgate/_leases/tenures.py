"""The reservations of a holder: the one that admits, and what is due about each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spendgate._leases import sizing
from spendgate._leases.amounts import Units, units_of
from spendgate._leases.demand import Demand, totals
from spendgate._leases.lines import LINES_MAX, Entries, Lines
from spendgate._leases.steps import Extend, Report, Step, release
from spendgate._leases.tenure import Tenure

REPORT_SECONDS = 5.0
IDLE_SECONDS = 5.0
REST_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTerms:
    """What the caller wants of a lease."""

    ttl_seconds: int = 60
    max_call_seconds: float = 600.0
    entries: Entries = "gathered"
    on_expiry: str = "release"
    metadata: Mapping[str, Any] | None = None


class Tenures:
    """Reservations in their order; at most the last one admits."""

    def __init__(self, terms: LeaseTerms, subjects: Mapping[str, str]) -> None:
        self.current: Tenure | None = None
        """The one that admits."""
        self.demand = Demand()
        self._terms = terms
        self._subjects = subjects
        self._all: list[Tenure] = []

    def __iter__(self) -> Iterator[Tenure]:
        return iter(self._all)

    def by_id(self, reservation_id: str) -> Tenure:
        """The reservation with that id."""
        return next(tenure for tenure in self._all if tenure.reservation_id == reservation_id)

    def open(self, response: Mapping[str, Any], *, asked_at: float) -> Tenure:
        """Add a reservation that was granted, and admit from it."""
        if self.current is not None:
            self.retire(self.current)
        lines = Lines(self._terms.entries)
        tenure = Tenure(response["reservation_id"], lines, asked_at=asked_at)
        tenure.granted_to(units_of(response["amounts"]))
        self._all.append(tenure)
        self.current = tenure
        return tenure

    def restore(self, tenure: Tenure) -> None:
        """Report once more for a reservation that is over: a call was settled late."""
        if tenure not in self._all:
            self._all.insert(0, tenure)

    def retire(self, tenure: Tenure) -> None:
        """Admit nothing more from it; it goes back as its calls end."""
        tenure.is_retired = True
        if tenure is self.current:
            self.current = None

    def lose(self, tenure: Tenure) -> None:
        """It has expired or was finalized: what is spent is still reported, late."""
        tenure.is_lost = True
        self.retire(tenure)

    def finalized(self, tenure: Tenure, counted: Units) -> None:
        """Another has settled or released it: what it does not count is recorded instead."""
        tenure.finalized_at(counted)
        self.retire(tenure)

    def of_report(self, report: Report) -> Tenure:
        """The reservation that a report in flight is about."""
        return next(tenure for tenure in self._all if tenure.unconfirmed is report)

    def confirm(self, report: Report) -> None:
        """Take note that a report has arrived, or is refused for good."""
        tenure = self.of_report(report)
        tenure.unconfirmed = None
        if report.delivery.kind == "release":
            self._forget(tenure)

    def tidy(self, now: float) -> None:
        """Give back what overdue calls block, and forget reservations that are over."""
        for tenure in list(self._all):
            tenure.give_back_overdue(now)
            if now >= tenure.grows_until:
                self.retire(tenure)
            done = not (tenure.calls or tenure.is_unreported or tenure.unconfirmed)
            if done and (tenure.is_lost or (tenure.overdue and now >= tenure.ends_at)):
                self._forget(tenure)

    def extend(
        self, tenure: Tenure, amounts: Units | None = None, models: tuple[str, ...] = ()
    ) -> Extend:
        """Renew a reservation, and raise its totals if there are any."""
        return Extend(tenure.reservation_id, self._terms.ttl_seconds, amounts or None, models)

    def with_room_for(self, tenure: Tenure, need: Units, now: float, *, only_need: bool) -> Extend:
        """Extend a reservation for a call, and unless `only_need` for those that follow."""
        left = tenure.left
        if only_need:
            return self.extend(tenure, totals(tenure, {u: need[u] - left[u] for u in need}))
        sizes = self._sizes(tenure, now)
        more = {
            unit: max(amount - min(left[unit], 0), sizes[unit] - left[unit])
            for unit, amount in need.items()
        }
        return self.extend(tenure, totals(tenure, more))

    def renewal(self, now: float, models: tuple[str, ...]) -> Step | None:
        """Renew a reservation while calls run or may follow, and the prices of these models.

        A time to live alone is never judged.
        """
        for tenure in self._all:
            needed = bool(tenure.calls) or not (tenure.is_retired or _is_idle(tenure, now))
            if needed and now >= tenure.renew_at and not tenure.is_lost:
                return self.extend(tenure, models=models)
        return None

    def ask_ahead(self, now: float) -> Step | None:
        """Ask for more when a quarter is left, before a call has to wait for it."""
        tenure = self.current
        if tenure is None or _is_idle(tenure, now):
            return None
        sizes = self._sizes(tenure, now)
        low, left = self.demand.low, tenure.left
        if all(left[unit] >= low[unit] for unit in sizes):
            return None
        more = {unit: sizes[unit] - left[unit] for unit in sizes}
        return self.extend(tenure, totals(tenure, more))

    def report(self, now: float) -> Step | None:
        """Repeat the capture that was not confirmed, or report what is due."""
        for tenure in self._all:
            step = tenure.unconfirmed or self._report_of(tenure, now)
            if step is not None:
                tenure.unconfirmed = step
                return step
        return None

    def moments(self) -> list[float]:
        """When there may be something to do."""
        return [moment for tenure in self._all for moment in _moments(tenure)]

    @property
    def is_drained(self) -> bool:
        """Whether all was reported and given back, but what calls that still run block."""
        return not any(
            tenure.is_unreported or tenure.unconfirmed or tenure.returnable or not tenure.calls
            for tenure in self._all
            if not tenure.overdue
        )

    def _report_of(self, tenure: Tenure, now: float) -> Report | None:
        if tenure.is_finalized:
            return tenure.record(self._subjects)
        is_idle = _is_idle(tenure, now)
        is_over = tenure.is_retired or (is_idle and now >= _released_at(tenure))
        is_last = is_over and not tenure.calls
        if is_last and not tenure.is_unreported and (tenure.is_retired or not tenure.returnable):
            self.retire(tenure)
            return None if tenure.overdue else release(tenure.reservation_id)
        is_due = now >= tenure.reported_at + REPORT_SECONDS or len(tenure.lines) >= LINES_MAX
        back = tenure.returnable
        if not tenure.is_retired:
            if not is_due:
                return None
            tenure.reported_at = now
            back = back if is_idle else self._surplus(tenure, now)
        if not (back or tenure.is_unreported):
            return None
        return tenure.capture(back, now, is_last=tenure.is_retired and not tenure.calls)

    def _surplus(self, tenure: Tenure, now: float) -> dict[str, int]:
        """What is above twice the size."""
        most = {unit: sizing.KEEP_FACTOR * size for unit, size in self._sizes(tenure, now).items()}
        return {
            unit: left - most[unit] for unit, left in tenure.returnable.items() if left > most[unit]
        }

    def _sizes(self, tenure: Tenure, now: float) -> dict[str, int]:
        return self.demand.sizes(tenure, self._all, now)

    def _forget(self, tenure: Tenure) -> None:
        self.retire(tenure)
        self._all.remove(tenure)
        self.demand.closed(tenure)


def _is_idle(tenure: Tenure, now: float) -> bool:
    """Whether no call has come for a while: everything that is left goes back."""
    return now >= tenure.last_admitted_at + IDLE_SECONDS


def _released_at(tenure: Tenure) -> float:
    """When an idle reservation is released instead of renewed.

    Long after its last capture, which may still be in the queue.
    """
    return max(tenure.renew_at, tenure.reported_at + REST_SECONDS)


def _moments(tenure: Tenure) -> list[float]:
    moments = [call.blocks_until for call in tenure.calls]
    has_more = tenure.is_unreported or bool(tenure.returnable)
    if tenure.unconfirmed is not None or (tenure.is_retired and has_more):
        moments.append(0.0)
    if tenure.is_retired and not tenure.calls:
        moments.append(tenure.ends_at if tenure.overdue else 0.0)
    if not tenure.is_retired and has_more:
        moments.append(tenure.reported_at + REPORT_SECONDS)
    elif not tenure.is_retired and not tenure.calls:
        moments.append(max(_released_at(tenure), tenure.last_admitted_at + IDLE_SECONDS))
    if not tenure.is_lost and (
        tenure.calls or tenure.renew_at < tenure.last_admitted_at + IDLE_SECONDS
    ):
        moments.append(tenure.renew_at)
    return moments
