"""Reports of spend: settlements, captures and records, and what they change on counters."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tests.model.past import Past
from tests.model.state import (
    Amounts,
    Counter,
    CounterKey,
    Line,
    Message,
    Report,
    Reservation,
    Spend,
    largest,
)
from tests.model.time import Every


class Reported(Past):
    """Balances that reports change.

    A reservation counts what was captured, charged or settled of it; each report moves what it
    counts by a difference of totals.
    """

    def settle(self, one: Reservation, actual: Amounts) -> bool:
        """Whether it is settled with that now.

        A unit that is not named costs what was captured of it, or else its estimate. A total below
        what was captured is refused.
        """
        full = {**one.not_returned, **one.captured, **actual}
        if one.state != "held":
            return one.state == "settled" and dict(one.actual) == full
        if self.is_below_captured(one, actual):
            return False
        before = replace(one)
        one.state, one.actual, one.finalized_at_ms = "settled", full, self.now_ms
        self._report(before, one)
        return True

    @staticmethod
    def is_below_captured(one: Reservation, actual: Amounts) -> bool:
        """Whether a total is below what was captured."""
        return any(total < one.captured.get(unit, 0) for unit, total in actual.items())

    def release(self, one: Reservation) -> bool:
        """Whether it is released now; what was captured stays spent."""
        if one.state == "held":
            before = replace(one)
            one.state, one.actual, one.finalized_at_ms = "released", one.captured, self.now_ms
            self._report(before, one)
        return one.state == "released"

    def capture(self, one: Reservation, report: Report, *, calls: int = 1) -> bool:
        """Whether a report of totals is taken; it changes something if one of them is larger.

        `calls` is how many are logged if the service can attribute what was spent.
        """
        if one.state != "held":
            return all(total <= one.actual.get(unit, 0) for unit, total in report.captured.items())
        before = replace(one)
        one.captured = _above_0(largest(one.captured, report.captured))
        one.returned = _above_0(largest(one.returned, report.returned))
        if one.captured != before.captured and self.now_ms >= one.expires_at_ms:
            one.captured_late = True
        if (one.captured, one.returned) != (before.captured, before.returned):
            one.lines = [self._rated(one, line) for line in one.lines]
        self._report(before, one, calls=1 if one.is_charged else calls)
        return True

    def apply(self, one: Reservation, messages: Sequence[Message]) -> list[bool]:
        """Which of them are taken: captures of one lease together, or one that finishes it."""
        reports = [message for message in messages if isinstance(message, Report)]
        if not reports:
            [message] = messages
            assert not isinstance(message, Report)
            return [self.release(one) if message is None else self.settle(one, message)]
        if one.state != "held":
            return [self.capture(one, report) for report in reports]
        largest_of_all = Report({}, {})
        for report in reports:
            largest_of_all = Report(
                largest(largest_of_all.captured, report.captured),
                largest(largest_of_all.returned, report.returned),
            )
        return [self.capture(one, largest_of_all)] * len(reports)

    def charge_expired(self) -> int:
        """Charge what has expired on every clock, if it was reserved so; how many there were."""
        due = [
            one
            for one in self.reservations
            if one.charges and one.state == "held" and not one.is_charged
            if self.now_ms // 1000 >= one.expires_at_ms // 1000 + 2
        ]
        for one in due:
            before = replace(one)
            one.is_charged = True
            self._report(before, one)
        return len(due)

    def _report(self, before: Reservation, after: Reservation, *, calls: int = 1) -> None:
        """Count the difference; the first report of a settlement is logged also if it is 0."""
        was, counts = before.counted, after.counted
        spent = {
            unit: more
            for unit in {**counts, **was}
            if (more := counts.get(unit, Decimal(0)) - was.get(unit, Decimal(0)))
        }
        if not spent and (after.state != "settled" or was):
            return
        self._log(spent, calls=calls)
        spent_at_ms = min(self.now_ms, before.gone_at * 1000)
        for held, line in zip(before.lines, after.lines, strict=True):
            more = self._spent_on(after, line) - self._spent_on(before, held)
            self._spend(line.key, more, spent_at_ms)
        met = {(line.rule.budget_id, line.subject) for line in after.lines}
        beyond = {unit: amount for unit, amount in spent.items() if unit not in after.amounts}
        for subject, rule, amount in self._claims(after.subjects, beyond):
            if (rule.budget_id, subject) not in met:
                key = self.key_of_settlement(rule, subject, after.created_at_ms)
                if key is not None:
                    self._spend(key, amount, spent_at_ms)

    def _spent_on(self, one: Reservation, line: Line) -> Decimal:
        if one.state != "settled":
            return self._reach(one, line, one.counted)
        settled = self._counted(one.actual, line.rule)
        assert settled is not None
        return max(self._reach(one, line, one.captured), settled)

    def record(self, subjects: Sequence[str], actual: Amounts, at_ms: int) -> Spend:
        """Count a spend.

        A moment in the near future counts as now: the caller's clock is ahead.
        """
        at_ms = min(at_ms, self.now_ms)
        spend = Spend(actual, [], [], at_ms)
        for subject, rule, amount in self._claims(subjects, actual):
            key = self.key_of_report(rule, subject, at_ms)
            spend.shares.append((rule.budget_id, subject, key is not None))
            if key is not None:
                self._spend(key, amount, at_ms)
                spend.counted.append((key, amount))
        self._log(actual)
        return spend

    def reverse(self, spend: Spend) -> bool:
        """Whether it is undone now: each budget that counted it counts it no more."""
        if spend.is_reversed:
            return False
        spend.is_reversed = True
        for key, amount in spend.counted:
            self._spend(key, -amount, spend.at_ms)
        self._log({unit: -amount for unit, amount in spend.amounts.items()}, calls=-1)
        return True

    def _log(self, amounts: Amounts, *, calls: int = 1) -> None:
        self.logged.update(amounts)
        self.logged.update(calls=calls)

    def _spend(self, key: CounterKey, amount: Decimal, at_ms: int) -> None:
        """Count an amount in a period: of the budget as it was when the key was made."""
        kind, _, length = key[2].partition(" ")
        leaves_at = Every(kind, int(length)).leaves_at(at_ms) if kind == "rolling" else None
        self.counters.setdefault(key, Counter()).spent.append((leaves_at, amount))


def refused_of(
    model: Reported, batch: Sequence[tuple[tuple[str, Reservation], Message]]
) -> list[int]:
    """Apply a batch in the order of its messages; the places of those that are refused.

    The captures of one lease are applied together, with the first of them.
    """
    waiting, refused = dict(enumerate(batch)), list[int]()
    while waiting:
        first = min(waiting)
        (reservation_id, one), message = waiting[first]
        together = {first: message}
        if isinstance(message, Report):
            together = {
                place: report
                for place, ((named, _), report) in waiting.items()
                if named == reservation_id and isinstance(report, Report)
            }
        done = model.apply(one, list(together.values()))
        refused += [place for place, is_done in zip(together, done, strict=True) if not is_done]
        waiting = {place: sent for place, sent in waiting.items() if place not in together}
    return sorted(refused)


def _above_0(totals: Amounts) -> dict[str, Decimal]:
    return {unit: total for unit, total in totals.items() if total}
