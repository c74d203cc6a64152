"""The whole budget model in plain Python: one thread, exact decimals, no table, no cache.

It shares no arithmetic with Spendgate. A balance is never stored: it is added up from what was
held, spent and credited, each time it is asked for.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from tests.model.balances import BILLIONTH, CLOCKS_DIFFER_MS
from tests.model.reported import Reported
from tests.model.state import (
    Amounts,
    Counter,
    Line,
    Opening,
    Refused,
    Reservation,
    Rule,
    View,
    largest,
)
from tests.model.time import gone_at

type Growth = Literal["grown", "extended", "expired", "finalized", "invalid"]
"""What becomes of a lease that asks for more, unless it is refused."""


class Model(Reported):
    """A tenant, and what is done in it."""

    def judge(self, subjects: Collection[str], amounts: Amounts) -> Refused | None:
        """Whether a request would be refused, and by whom."""
        return self._judge(self._claims(subjects, amounts))

    def _judge(self, claims: Collection[tuple[str, Rule, Decimal]]) -> Refused | None:
        refused: list[tuple[View, Decimal, int | None, str]] = []
        for subject, rule, amount in claims:
            by_any_clock = self.view(rule, subject, late_ms=CLOCKS_DIFFER_MS)
            is_short = amount > 0 and by_any_clock.available < amount
            if rule.shadow or not (by_any_clock.is_paused or is_short):
                continue
            view, wait, blocked_by = self.view(rule, subject), None, "pause"
            if not by_any_clock.is_paused:
                wait, blocked_by = self._wait(by_any_clock, amount), "spent"
                if by_any_clock.available + by_any_clock.held >= amount:
                    wait, blocked_by = self._wait_for_holds(by_any_clock, amount), "held"
            refused.append((view, amount, wait, blocked_by))
        if not refused:
            return None
        waits = [wait for _, _, wait, blocked_by in refused if blocked_by != "pause"]
        if not waits:
            return Refused("budget_paused", tuple(refused))
        code = "insufficient_quota" if None in waits else "rate_limit_exceeded"
        return Refused(code, tuple(refused))

    def _wait_for_holds(self, view: View, amount: Decimal) -> int:
        waits = [5, self._until_returned(view, amount)]
        if view.rule.every.kind in {"calendar", "duration"} and view.ends_in is not None:
            waits.append(view.ends_in)
        return min(wait for wait in waits if wait is not None)

    def _wait(self, view: View, amount: Decimal) -> int | None:
        if view.rule.every.kind != "rolling":
            return view.ends_in
        wait = self._until_returned(view, amount)
        return view.rule.every.seconds if wait is None else wait

    def _until_returned(self, view: View, amount: Decimal) -> int | None:
        key = self._key(view.rule, view.subject, self.now_ms)
        counter = self.counters.get(key, Counter())
        back = self._holds(key, CLOCKS_DIFFER_MS) + [
            (at, spent) for at, spent in self._live(counter, CLOCKS_DIFFER_MS) if at
        ]
        late_ms = self.now_ms + CLOCKS_DIFFER_MS
        back += [(at, -lost) for at, lost in counter.ending.items() if at * 1000 > late_ms]
        available = view.available
        for moment, amount_back in sorted(back):
            available += amount_back
            if available >= amount:
                return self._seconds_until(moment + CLOCKS_DIFFER_MS // 1000)
        return None

    def reserve(
        self, subjects: Sequence[str], amounts: Amounts, ttl_seconds: int, *, charges: bool = False
    ) -> Reservation | Refused:
        claims = self._claims(subjects, amounts)
        refused = self.judge(subjects, amounts)
        if refused:
            self.refused(subjects, amounts, refused)
            return refused
        keys = [self._use(rule, subject, self.now_ms) for subject, rule, _ in claims]
        expires_at_ms = self.now_ms + ttl_seconds * 1000
        lines = [
            Line(rule, subject, key, is_converted=not amounts.get(rule.unit))
            for (subject, rule, _), key in zip(claims, keys, strict=True)
        ]
        granted = Reservation(
            subjects, amounts, lines, self.now_ms, expires_at_ms,
            gone_at(expires_at_ms, ttl_seconds), charges,
        )  # fmt: skip
        self.reservations.append(granted)
        return granted

    def reserve_most(
        self,
        subjects: Sequence[str],
        amounts: Amounts,
        least: Amounts | None,
        ttl_seconds: int,
        *,
        charges: bool = False,
    ) -> Reservation | Refused:
        """Reserve the whole, or else the most that fits: all amounts shrink by one factor."""
        whole = judged = self.reserve(subjects, amounts, ttl_seconds, charges=charges)
        for _ in range(3):
            if not isinstance(judged, Refused) or least is None:
                return judged
            if any(blocked_by == "pause" for *_, blocked_by in judged.by):
                return whole
            left = [
                (self.view(view.rule, view.subject, late_ms=CLOCKS_DIFFER_MS).available, asked)
                for view, asked, _, _ in judged.by
            ]
            amounts = {
                unit: min(_share(amount, have, asked) for have, asked in left)
                for unit, amount in amounts.items()
            }
            if not any(amounts.values()) or any(amounts[unit] < least[unit] for unit in least):
                return whole
            judged = self.reserve(subjects, amounts, ttl_seconds, charges=charges)
        return whole if isinstance(judged, Refused) else judged

    def extend(self, one: Reservation, ttl_seconds: int) -> bool:
        """Whether its hold was still there to be extended."""
        if one.state != "held" or self.now_ms >= one.expires_at_ms:
            return False
        self._expire_later(one, ttl_seconds)
        return True

    def _expire_later(self, one: Reservation, ttl_seconds: int) -> None:
        one.expires_at_ms = self.now_ms + ttl_seconds * 1000
        one.gone_at = gone_at(one.expires_at_ms, ttl_seconds)

    def grow(self, one: Reservation, granted: Amounts, ttl_seconds: int | None) -> Growth | Refused:
        """Raise what was granted since the start, and move the expiry, or do neither."""
        if not granted.keys() <= one.amounts.keys():
            return "invalid"
        if one.state != "held":
            return "finalized"
        if self.now_ms >= one.expires_at_ms:
            return "expired"
        before, after = one.amounts, largest(one.amounts, granted)
        if after != before:
            claims = self._claims(one.subjects, after)
            keys = {self._key(rule, subject, self.now_ms) for subject, rule, _ in claims}
            if keys != {line.key for line in one.lines}:
                return "expired"
            held = {line.key: self._reach(one, line, one.uncaptured) for line in one.lines}
            one.amounts = after
            more = [
                (line.subject, line.rule, self._reach(one, line, one.uncaptured) - held[line.key])
                for line in one.lines
            ]
            one.amounts = before
            refused = self._judge(more)
            if refused:
                return refused
            one.amounts = after
        if ttl_seconds is not None:
            self._expire_later(one, ttl_seconds)
        return "extended" if after == before else "grown"

    def credit(self, rule: Rule, subject: str, amount: Decimal, ends_at: int | None = None) -> bool:
        """Whether it counts: a correction takes at most what is available, and of its credit."""
        if ends_at is not None and ends_at * 1000 <= self.now_ms:
            return False
        counter = self.counters.get(self._key(rule, subject, self.now_ms), Counter())
        period_ends_at = rule.every.ends_at(
            self.now_ms // 1000, self._window(rule, subject, self.now_ms)
        )
        is_within = ends_at is not None and (period_ends_at is None or ends_at < period_ends_at)
        if ends_at is not None and amount < 0:
            there = counter.ending.get(ends_at, Decimal(0)) if is_within else counter.to_the_end
            if there + amount < 0:
                return False
        if amount < -max(self.view(rule, subject, late_ms=CLOCKS_DIFFER_MS).available, Decimal(0)):
            return False
        counter = self.counters.setdefault(self._use(rule, subject, self.now_ms), Counter())
        if ends_at is not None and is_within:
            counter.ending[ends_at] = counter.ending.get(ends_at, Decimal(0)) + amount
            return True
        counter.credits += amount
        if ends_at is not None:
            counter.to_the_end += amount
        return True

    def start(self, rule: Rule, subject: str, opening: Opening, replaced: Sequence[Rule]) -> None:
        """Begin a counter with an amount, or with what was spent under what it replaces."""
        source, spent = None, opening
        if opening == "inherit":
            in_unit = [old for old in replaced if old.unit == rule.unit]
            source = max(
                in_unit,
                key=lambda old: (old.every == rule.every, self.view(old, subject).spent),
                default=None,
            )
            spent = self.view(source, subject).spent if source else Decimal(0)
        assert isinstance(spent, Decimal)
        if not spent:
            return
        self._start_window(rule, subject, source)
        key = self._use(rule, subject, self.now_ms)
        begun = [(rule.every.leaves_at(self.now_ms), spent)]
        if source is not None and source.every == rule.every:
            there = self.counters[self._key(source, subject, self.now_ms)]
            begun = self._live(there, CLOCKS_DIFFER_MS)
        if key in self.counters:
            there = self.counters[key]
            known = sum(amount for _, amount in self._live(there, CLOCKS_DIFFER_MS))
            begun = [(rule.every.leaves_at(self.now_ms), max(Decimal(0), spent - known))]
        self.counters.setdefault(key, Counter()).spent += begun

    def _start_window(self, rule: Rule, subject: str, source: Rule | None) -> None:
        """A window of the same length goes on, if none is open."""
        if rule.every.kind != "duration" or source is None or source.every != rule.every:
            return
        start = self._window(source, subject, self.now_ms)
        assert start is not None
        self.windows[rule.budget_id, subject, rule.every.seconds] = start

    def resume(self, rule: Rule) -> None:
        if rule.paused:
            rule.paused = False
        elif rule.pauses:
            rule.resumed_at_ms = self.now_ms


def _share(amount: Decimal, have: Decimal, asked: Decimal) -> Decimal:
    """The part of an amount by which what is asked for shrinks to what there is, rounded down."""
    whole, left, wanted = (
        int(value / BILLIONTH) for value in (amount, max(have, Decimal(0)), asked)
    )
    return whole * left // wanted * BILLIONTH
