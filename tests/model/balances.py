"""Which budgets apply, in which period, and how their balances look at one moment."""

from collections import Counter as Sums
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from tests.model.state import Amounts, Counter, CounterKey, Line, Reservation, Rule, View

BILLIONTH = Decimal("0.000000001")
CLOCKS_DIFFER_MS = 1000
"""For so long what has ended is not given to others, since their clocks may be ahead."""
CHARGED_WITHIN_SECONDS = 86_400
"""For so long what is charged when it expires stays held until it is charged."""
ORDER = ("organization", "app", "app_channel", "user", "api_key", "agent", "session", "tool")


class Balances:
    """The balances of a tenant. `rates` are worth: one of the source is so many of the target."""

    def __init__(self, now_ms: int, rates: Mapping[tuple[str, str], Decimal]) -> None:
        self.now_ms = now_ms
        self.rates = rates
        self.rules: list[Rule] = []
        self.counters: dict[CounterKey, Counter] = {}
        self.reservations: list[Reservation] = []
        self.windows: dict[tuple[str, str, int], int] = {}
        self.used: set[CounterKey] = set()
        """The counters that are there."""
        self.logged: Sums[str] = Sums()
        """What was spent by unit, for any number of budgets, and how many calls that were."""

    # Which budgets apply, and in which period.

    def in_force(self, subjects: Collection[str]) -> Iterator[tuple[str, Rule]]:
        """Every budget that limits one of the subjects, in the order of refusals."""
        for subject in sorted(subjects, key=_rank):
            live = [rule for rule in self.rules if not rule.deleted and not rule.disabled]
            own = [rule for rule in live if rule.subject == subject]
            default = f"{subject.partition(':')[0]}:*"
            for rule in own or [rule for rule in live if rule.subject == default]:
                yield subject, rule

    def defaults_of(self, subject: str) -> list[Rule]:
        """The defaults that limit a subject, which an own budget would replace."""
        return [
            rule
            for _, rule in self.in_force([subject])
            if rule.subject.endswith(":*") and rule.subject != subject
        ]

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
        sources = [unit for unit in amounts if unit == rule.unit or (unit, rule.unit) in self.rates]
        return max(
            (self._converted(amounts[source], source, rule) for source in sources), default=None
        )

    def _converted(self, amount: Decimal, source: str, rule: Rule) -> Decimal:
        if source == rule.unit:
            return amount
        return in_billionths(amount * self.rates[source, rule.unit])

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
        key = self._key(rule, subject, at_ms)
        self.used.add(key)
        return key

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
            entitlement=rule.limit + counter.credited(after_ms=self.now_ms + late_ms),
            ends_in=None if ends_at is None else self._seconds_until(ends_at),
            is_soft_paused=self._soft_pause(rule, start) and spent >= (rule.soft_limit or 0),
        )  # fmt: skip

    def soft_limit_fits(self, rule: Rule, limit: Decimal) -> bool:
        """Whether a soft limit is within a new limit and, on one subject, the credits there are."""
        if rule.soft_limit is None or limit == rule.limit:
            return True
        counter = Counter()
        if not rule.subject.endswith(":*"):
            key = self._key(rule, rule.subject, self.now_ms)
            counter = self.counters.get(key, Counter())
        return rule.soft_limit <= limit + counter.credited(after_ms=self.now_ms)

    def last_second_of_a_credit(self, now_ms: int) -> int | None:
        """When a credit ends of which this is the last second."""
        ends = (at for counter in self.counters.values() for at in counter.ending)
        return next((at for at in ends if at * 1000 - 1000 <= now_ms < at * 1000), None)

    def views(self, subjects: Collection[str]) -> list[View]:
        return [self.view(rule, subject) for subject, rule in self.in_force(subjects)]

    def _live(self, counter: Counter, late_ms: int = 0) -> list[tuple[int | None, Decimal]]:
        now_ms = self.now_ms - late_ms
        return [
            slice_ for slice_ in counter.spent if slice_[0] is None or slice_[0] * 1000 > now_ms
        ]

    def _holds(self, key: CounterKey, late_ms: int = 0) -> list[tuple[int, Decimal]]:
        return [
            (end, self._reach(reservation, line, reservation.uncaptured))
            for reservation in self.reservations
            if reservation.state == "held" and not reservation.is_charged
            for end in (reservation.gone_at + CHARGED_WITHIN_SECONDS * reservation.charges,)
            if end * 1000 > self.now_ms - late_ms
            for line in reservation.lines
            if line.key == key
        ]

    def _reach(self, one: Reservation, line: Line, totals: Amounts) -> Decimal:
        """The most that totals come to on the counter of a line, in its unit or converted."""
        sources = [unit for unit in self._converted_units(one, line) if unit in totals]
        reached = [self._converted(totals[unit], unit, line.rule) for unit in sources]
        return max([totals.get(line.rule.unit, Decimal(0)), *reached])

    def _converted_units(self, one: Reservation, line: Line) -> set[str]:
        granted = one.amounts if line.is_converted else ()
        return {unit for unit in granted if (unit, line.rule.unit) in self.rates} | line.rated

    def _rated(self, one: Reservation, line: Line) -> Line:
        """The line once a capture has named units, which count if nothing else counts as much.

        The units that were granted count as they did then, unless none had to be converted.
        """
        known = self._converted_units(one, line)
        others = known | ({*one.amounts} if known & {*one.amounts} else set())
        new = {
            unit: self._converted(amount, unit, line.rule)
            for unit, amount in one.counted.items()
            if amount and unit not in others and (unit, line.rule.unit) in self.rates
        }
        if one.counted.get(line.rule.unit) or not new:
            return line
        is_more = max(new.values()) > self._reach(one, line, one.counted)
        return replace(line, rated=line.rated | new.keys()) if is_more else line

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


def in_billionths(amount: Decimal) -> Decimal:
    """An amount rounded up to the next billionth."""
    return amount.quantize(BILLIONTH, ROUND_CEILING)


def _rank(subject: str) -> tuple[int, str]:
    kind = subject.partition(":")[0]
    return (ORDER.index(kind) if kind in ORDER else len(ORDER), subject)
