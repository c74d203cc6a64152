"""Which periods count spend of the past: those that are not over, or that have a counter.

A counter is there from its first use on: a grant, also one that another budget's refusal undid, a
credit or spend. Each change of an own budget makes those of the current periods of its subject.
"""

from collections.abc import Collection

from tests.model.balances import Balances
from tests.model.state import Amounts, CounterKey, Refused, Rule

STALE_SECONDS_MAX = 6
"""For so long a function may go by a policy that was replaced, so its counters have to be there."""

BACK_MS_MAX = 35 * 86_400_000
AHEAD_MS_MAX = 60_000
JUST_NOW_MS_MAX = 60_000


def may_be_reported(at_ms: int, *, now_ms: int) -> bool:
    """Whether spend of a moment may be reported now."""
    return now_ms - BACK_MS_MAX <= at_ms <= now_ms + AHEAD_MS_MAX


class Past(Balances):
    """Balances of which the past is known."""

    def policy_changed(self, subject: str, *also: Rule) -> None:
        """The policy of a subject was written; `also` are budgets as they were before."""
        if subject.endswith(":*"):
            return
        now = self.now_ms // 1000
        own = (rule for rule in self.rules if rule.subject == subject and not rule.deleted)
        for rule in (*own, *also):
            if rule.every.kind == "duration":
                start = self.windows.get((rule.budget_id, subject, rule.every.seconds))
                if start is not None and now < start + rule.every.seconds:
                    self.used.add((rule.budget_id, subject, rule.every.label(now, start)))
                continue
            for second in (now, now + STALE_SECONDS_MAX):
                self.used.add((rule.budget_id, subject, rule.every.label(second)))

    def refused(self, subjects: Collection[str], amounts: Amounts, refusal: Refused) -> None:
        """The budgets that would have granted have held it for a moment, if they were asked."""
        claims = self._claims(subjects, amounts)
        if any(rule.paused and not rule.shadow for _, rule, _ in claims):
            return
        if not all(self._is_open(rule, subject) for subject, rule, _ in claims):
            return
        refusing = {(view.rule.budget_id, view.subject) for view, *_ in refusal.by}
        for subject, rule, _ in claims:
            if (rule.budget_id, subject) not in refusing:
                self.used.add(self._key(rule, subject, self.now_ms))

    def _is_open(self, rule: Rule, subject: str) -> bool:
        if rule.every.kind != "duration":
            return True
        start = self.windows.get((rule.budget_id, subject, rule.every.seconds))
        return start is not None and self.now_ms < (start + rule.every.seconds) * 1000

    def key_of_report(self, rule: Rule, subject: str, at_ms: int) -> CounterKey | None:
        """The counter that counts what was spent at a moment; None if no period does."""
        leaves_at = rule.every.leaves_at(at_ms)
        if leaves_at is not None:
            return self._use(rule, subject, at_ms) if leaves_at * 1000 > self.now_ms else None
        if rule.every.kind != "duration" or at_ms >= self.now_ms:
            return self._if_used(rule, subject, at_ms)
        start = self._window_at(rule, subject, at_ms)
        if start is None and self.now_ms - at_ms <= JUST_NOW_MS_MAX:
            return self._use(rule, subject, self.now_ms)
        return self._if_window_used(rule, subject, start)

    def key_of_settlement(self, rule: Rule, subject: str, reserved_at_ms: int) -> CounterKey | None:
        """The counter that counts, since a reservation, a unit that it did not hold."""
        is_window = rule.every.kind == "duration"
        if is_window and reserved_at_ms + rule.every.seconds * 1000 <= self.now_ms:
            start = self._window_at(rule, subject, reserved_at_ms)
            return self._if_window_used(rule, subject, start)
        return self._if_used(rule, subject, reserved_at_ms)

    def _if_used(self, rule: Rule, subject: str, at_ms: int) -> CounterKey | None:
        """The counter of a moment, unless its period is over and has none."""
        ends_at = rule.every.ends_at(at_ms // 1000, self._window(rule, subject, at_ms))
        key = self._key(rule, subject, at_ms)
        if ends_at is not None and ends_at * 1000 <= self.now_ms:
            return key if key in self.used else None
        return self._use(rule, subject, at_ms)

    def _if_window_used(self, rule: Rule, subject: str, start: int | None) -> CounterKey | None:
        if start is None:
            return None
        key = (rule.budget_id, subject, rule.every.label(start, start))
        if (start + rule.every.seconds) * 1000 > self.now_ms:
            self.used.add(key)
        return key if key in self.used else None

    def _window_at(self, rule: Rule, subject: str, at_ms: int) -> int | None:
        """When the window started that was open at a moment of the past."""
        last = self.windows.get((rule.budget_id, subject, rule.every.seconds))
        if last is None or at_ms >= (last + rule.every.seconds) * 1000:
            return None
        second = at_ms // 1000
        if last <= second:
            return last
        for start in range(second - rule.every.seconds + 1, second + 1):
            if (rule.budget_id, subject, rule.every.label(start, start)) in self.used:
                return start
        return None
