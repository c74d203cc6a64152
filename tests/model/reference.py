"""The whole budget model in plain Python: one thread, exact decimals, no table, no cache.

It shares no arithmetic with Spendgate. A balance is never stored: it is added up from what was
held, spent and credited, each time it is asked for.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from tests.model.state import Amounts, Counter, CounterKey, Line, Refused, Reservation, Rule, View
from tests.model.time import gone_at

BILLIONTH = Decimal("0.000000001")
CLOCKS_DIFFER_MS = 1000
"""For so long what has ended is not given to others, since their clocks may be ahead."""
ORDER = ("organization", "app", "app_channel", "user", "api_key", "agent", "session", "tool")


class Model:
    """A tenant. `rates` are worth: one of the source is so many of the target."""

    def __init__(self, now_ms: int, rates: Mapping[tuple[str, str], Decimal]) -> None:
        self.now_ms = now_ms
        self.rates = rates
        self.rules: list[Rule] = []
        self.counters: dict[CounterKey, Counter] = {}
        self.reservations: list[Reservation] = []
        self.windows: dict[tuple[str, str, int], int] = {}

    # Which budgets apply, and in which period.

    def in_force(self, subjects: Collection[str]) -> Iterator[tuple[str, Rule]]:
        """Every budget that limits one of the subjects, in the order of refusals."""
        for subject in sorted(subjects, key=_rank):
            live = [one for one in self.rules if not one.deleted and not one.disabled]
            own = [one for one in live if one.subject == subject]
            default = f"{subject.partition(':')[0]}:*"
            for rule in own or [one for one in live if one.subject == default]:
                yield subject, rule

    def _claims(
        self, subjects: Collection[str], amounts: Amounts
    ) -> list[tuple[str, Rule, Decimal]]:
        claims = []
        for subject, rule in self.in_force(subjects):
            counted = self._counted(amounts, rule)
            if counted is not None:
                claims.append((subject, rule, counted))
        return claims

    def _counted(self, amounts: Amounts, rule: Rule) -> Decimal | None:
        """What counts on a budget: its own unit if above 0, else what converts to the most."""
        if amounts.get(rule.unit):
            return amounts[rule.unit]
        sources = [one for one in amounts if one == rule.unit or (one, rule.unit) in self.rates]
        return max((self._converted(amounts[one], one, rule) for one in sources), default=None)

    def _converted(self, amount: Decimal, source: str, rule: Rule) -> Decimal:
        if source == rule.unit:
            return amount
        exact = amount * self.rates[source, rule.unit]
        return exact.quantize(BILLIONTH, ROUND_CEILING)

    def _window(self, rule: Rule, subject: str, at_ms: int) -> int | None:
        """When the window that is open at a moment started, or would start."""
        if rule.every.kind != "duration":
            return None
        start = self.windows.get((rule.budget_id, subject, rule.every.seconds))
        if start is None or at_ms >= (start + rule.every.seconds) * 1000:
            return at_ms // 1000
        return start

    def _use(self, rule: Rule, subject: str, at_ms: int) -> CounterKey:
        """The counter in force, which is in use from now on."""
        start = self._window(rule, subject, at_ms)
        if start is not None:
            self.windows[rule.budget_id, subject, rule.every.seconds] = start
        return self._key(rule, subject, at_ms)

    def _key(self, rule: Rule, subject: str, at_ms: int) -> CounterKey:
        start = self._window(rule, subject, at_ms)
        return rule.budget_id, subject, rule.every.label(at_ms // 1000, start)

    # What is there.

    def view(self, rule: Rule, subject: str, *, late_ms: int = 0) -> View:
        key = self._key(rule, subject, self.now_ms)
        counter = self.counters.get(key, Counter())
        start = self._window(rule, subject, self.now_ms)
        ends_at = rule.every.ends_at(self.now_ms // 1000, start)
        live = self._live(counter, late_ms)
        if rule.every.kind == "rolling":
            ends_at = max((at for at, amount in live if at is not None and amount), default=None)
        spent = sum((amount for _, amount in live), Decimal(0))
        return View(
            rule, subject, spent,
            held=sum((amount for _, amount in self._holds(key, late_ms)), Decimal(0)),
            entitlement=rule.limit + counter.credits,
            ends_in=None if ends_at is None else self._seconds_until(ends_at),
            is_soft_paused=self._soft_pause(rule, start) and spent >= (rule.soft_limit or 0),
        )  # fmt: skip

    def views(self, subjects: Collection[str]) -> list[View]:
        return [self.view(rule, subject) for subject, rule in self.in_force(subjects)]

    def _live(self, counter: Counter, late_ms: int = 0) -> list[tuple[int | None, Decimal]]:
        now_ms = self.now_ms - late_ms
        return [one for one in counter.spent if one[0] is None or one[0] * 1000 > now_ms]

    def _holds(self, key: CounterKey, late_ms: int = 0) -> list[tuple[int, Decimal]]:
        return [
            (one.gone_at, line.amount)
            for one in self.reservations
            if one.state == "held" and one.gone_at * 1000 > self.now_ms - late_ms
            for line in one.lines
            if line.key == key
        ]

    def _seconds_until(self, moment: int) -> int:
        return max(1, -((self.now_ms - moment * 1000) // 1000))

    def _soft_pause(self, rule: Rule, window_start: int | None) -> bool:
        """Whether the soft limit pauses: not in a period in which it was resumed."""
        if not rule.pauses or rule.resumed_at_ms is None:
            return rule.pauses
        if rule.every.kind in {"none", "rolling"}:
            return False
        if rule.every.kind == "duration":
            assert window_start is not None
            return window_start * 1000 > rule.resumed_at_ms
        then = rule.every.label(rule.resumed_at_ms // 1000)
        return then != rule.every.label(self.now_ms // 1000)

    # What is done.

    def judge(self, subjects: Collection[str], amounts: Amounts) -> Refused | None:
        """Whether a request would be refused, and by whom."""
        refused: list[tuple[View, Decimal, int | None, str]] = []
        for subject, rule, amount in self._claims(subjects, amounts):
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
        available = view.available
        for moment, amount_back in sorted(back):
            available += amount_back
            if available >= amount:
                return self._seconds_until(moment + CLOCKS_DIFFER_MS // 1000)
        return None

    def reserve(
        self, subjects: Sequence[str], amounts: Amounts, ttl_seconds: int
    ) -> Reservation | Refused:
        claims = self._claims(subjects, amounts)
        refused = self.judge(subjects, amounts)
        if refused:
            return refused
        keys = [self._use(rule, subject, self.now_ms) for subject, rule, _ in claims]
        expires_at_ms = self.now_ms + ttl_seconds * 1000
        lines = [
            Line(rule, subject, key, amount)
            for (subject, rule, amount), key in zip(claims, keys, strict=True)
        ]
        granted = Reservation(
            subjects, amounts, lines, self.now_ms, expires_at_ms,
            gone_at(expires_at_ms, ttl_seconds),
        )  # fmt: skip
        self.reservations.append(granted)
        return granted

    def reserve_most(
        self, subjects: Sequence[str], amounts: Amounts, least: Amounts | None, ttl_seconds: int
    ) -> Reservation | Refused:
        """Reserve the whole, or else the most that fits: all amounts shrink by one factor."""
        whole = judged = self.reserve(subjects, amounts, ttl_seconds)
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
            judged = self.reserve(subjects, amounts, ttl_seconds)
        return whole if isinstance(judged, Refused) else judged

    def settleable(self, one: Reservation, actual: Amounts) -> Amounts:
        """The amounts without units that were not held, once a period of the reservation is over.

        Such a unit counts only where the ended period has a counter, which the model does not
        know: tests/store/test_occurred_at.py holds that.
        """
        if all(
            self._is_still_in(rule, subject, one) for subject, rule in self.in_force(one.subjects)
        ):
            return actual
        held = {unit: amount for unit, amount in actual.items() if unit in one.amounts}
        return held or dict(one.amounts)

    def _is_still_in(self, rule: Rule, subject: str, one: Reservation) -> bool:
        """Whether the period in which it was reserved is the one in force."""
        if rule.every.kind in {"none", "rolling"}:
            return True
        if rule.every.kind == "duration":
            start = self.windows.get((rule.budget_id, subject, rule.every.seconds))
            is_open = start is not None and self.now_ms < (start + rule.every.seconds) * 1000
            return is_open and start is not None and start * 1000 <= one.created_at_ms
        then = rule.every.label(one.created_at_ms // 1000)
        return then == rule.every.label(self.now_ms // 1000)

    def settle(self, one: Reservation, actual: Amounts) -> bool:
        """Whether it is settled with that now; a unit that is not named costs its estimate."""
        full = {**one.amounts, **actual}
        if one.state != "held":
            return one.state == "settled" and dict(one.actual) == full
        one.state, one.actual, one.finalized_at_ms = "settled", full, self.now_ms
        spent_at_ms = min(self.now_ms, one.gone_at * 1000)
        for line in one.lines:
            counted = self._counted(full, line.rule)
            assert counted is not None
            self._spend(line.key, counted, spent_at_ms)
        met = {(line.rule.budget_id, line.subject) for line in one.lines}
        beyond = {unit: amount for unit, amount in full.items() if unit not in one.amounts}
        for subject, rule, amount in self._claims(one.subjects, beyond):
            if (rule.budget_id, subject) not in met:
                self._spend(self._use(rule, subject, one.created_at_ms), amount, spent_at_ms)
        return True

    def release(self, one: Reservation) -> bool:
        """Whether it is released now."""
        if one.state == "held":
            one.state, one.finalized_at_ms = "released", self.now_ms
        return one.state == "released"

    def extend(self, one: Reservation, ttl_seconds: int) -> bool:
        """Whether its hold was still there to be extended."""
        if one.state != "held" or self.now_ms >= one.expires_at_ms:
            return False
        one.expires_at_ms = self.now_ms + ttl_seconds * 1000
        one.gone_at = gone_at(one.expires_at_ms, ttl_seconds)
        return True

    def record(self, subjects: Sequence[str], actual: Amounts) -> None:
        for subject, rule, amount in self._claims(subjects, actual):
            self._spend(self._use(rule, subject, self.now_ms), amount, self.now_ms)

    def credit(self, rule: Rule, subject: str, amount: Decimal) -> bool:
        """Whether it counts: a correction takes at most what is available."""
        if amount < -max(self.view(rule, subject, late_ms=CLOCKS_DIFFER_MS).available, Decimal(0)):
            return False
        key = self._use(rule, subject, self.now_ms)
        self.counters.setdefault(key, Counter()).credits += amount
        return True

    def _spend(self, key: CounterKey, amount: Decimal, at_ms: int) -> None:
        every = next(one.every for one in self.rules if one.budget_id == key[0])
        leaves_at = every.leaves_at(at_ms) if key[2].startswith("rolling") else None
        self.counters.setdefault(key, Counter()).spent.append((leaves_at, amount))

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


def _rank(subject: str) -> tuple[int, str]:
    kind = subject.partition(":")[0]
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), subject)
