"""A history of what was asked and answered, and what follows from it whatever the order was.

Nobody knows when between its start and its end a call took effect. So only what is certain counts:
a grant is in force from its answer to the first call that may have ended it, spend from the answer
of its settlement. A new grant beside all that must fit the highest limit possible at its time.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property

from spendgate_service.domain.amounts import Amount

NEVER_MS = 10**15
"""When a call ends of which nobody knows whether it took effect."""

type CounterKey = tuple[str, str, str]
"""Budget, subject and period."""


@dataclass(frozen=True, slots=True)
class Event:
    """One call: when it started and ended (ms), what it did, to what, and how it was answered.

    `counters` are those that a grant or a record names. `until_ms` is when a hold expires.
    """

    start_ms: int
    end_ms: int
    did: str
    name: str = ""
    amount: Amount = 0
    counters: tuple[CounterKey, ...] = ()
    until_ms: int = 0


@dataclass(slots=True)
class Life:
    """A reservation as its events tell it."""

    granted: Event
    expires_at_ms: int
    may_end_ms: int | None = None
    settled: list[Event] = field(default_factory=list)

    @property
    def certain_until_ms(self) -> int:
        """Until when it is certainly held."""
        return min(self.expires_at_ms, self.may_end_ms or self.expires_at_ms)


@dataclass(frozen=True, slots=True)
class Spent:
    """What is certainly spent from one moment to another."""

    from_ms: int
    until_ms: float
    amount: Amount


@dataclass(eq=False)
class History:
    """All events, sorted out. `windows_ms` are the lengths of rolling budgets."""

    events: list[Event]
    limits: dict[str, Amount]
    windows_ms: dict[str, int] = field(default_factory=dict)
    carried_max: dict[str, Amount] = field(default_factory=dict)
    stale_ms: int = 6000
    """How long a limit of a default may still be gone by."""

    def lives(self) -> dict[str, Life]:
        """Every reservation by its id."""
        lives = {
            event.name: Life(event, event.until_ms)
            for event in self.events
            if event.did == "granted"
        }
        for event in self.events:
            life = lives.get(event.name)
            if life is None or event.did not in {"extended", "settled", "released", "tried"}:
                continue
            if event.did == "extended":
                life.expires_at_ms = min(life.expires_at_ms, event.until_ms)
                continue
            life.may_end_ms = min(life.may_end_ms or event.start_ms, event.start_ms)
            if event.did == "settled":
                life.settled.append(event)
        return lives

    @cached_property
    def _credits(self) -> list[Event]:
        return [event for event in self.events if event.did == "credited"]

    @cache  # noqa: B019 (a history lives as long as its test)
    def _limits_of(self, budget_id: str) -> list[Event]:
        found = [event for event in self.events if event.did == "limit" and event.name == budget_id]
        return sorted(found, key=lambda call: call.start_ms)

    def past_limit(self) -> Iterator[tuple[Event, CounterKey, Amount, Amount]]:
        """Grants that cannot have fitted: with the counter, what was in force, and the limit."""
        held: dict[CounterKey, list[Life]] = defaultdict(list)
        spent: dict[CounterKey, list[Spent]] = defaultdict(list)
        for life in self.lives().values():
            for counter in life.granted.counters:
                held[counter].append(life)
                for settled in life.settled[:1]:
                    spent[counter].append(self._spent(counter, life, settled))
        for event in self.events:
            for counter in event.counters if event.did == "recorded" else ():
                gone_ms = event.start_ms + self.windows_ms.get(counter[0], 0)
                until_ms = gone_ms if counter[0] in self.windows_ms else float("inf")
                spent[counter].append(Spent(event.end_ms, until_ms, event.amount))
        for event in self.events:
            for counter in event.counters if event.did == "granted" else ():
                in_force = event.amount + sum(
                    life.granted.amount
                    for life in held[counter]
                    if life.granted.end_ms <= event.start_ms
                    and life.certain_until_ms > event.end_ms
                )
                in_force += sum(
                    part.amount
                    for part in spent[counter]
                    if part.from_ms <= event.start_ms and part.until_ms > event.end_ms
                )
                limit = self._limit_max(counter, event)
                if in_force > limit:
                    yield event, counter, in_force, limit

    def _spent(self, counter: CounterKey, life: Life, one: Event) -> Spent:
        """From the first answer that says so; in a window until what was spent may have left it."""
        window_ms = self.windows_ms.get(counter[0])
        until_ms = float("inf")
        if window_ms is not None:
            until_ms = min(one.start_ms, life.certain_until_ms) + window_ms
        from_ms = min(event.end_ms for event in life.settled)
        return Spent(from_ms, until_ms, one.amount)

    def _limit_max(self, counter: CounterKey, grant: Event) -> Amount:
        """The highest limit that may have been in force, with every credit that may have been."""
        budget_id = counter[0]
        changes = self._limits_of(budget_id)
        possible = {self.limits[budget_id]}
        for change in changes:
            if change.start_ms <= grant.end_ms:
                if change.end_ms + self.stale_ms <= grant.start_ms:
                    possible = {
                        later.amount
                        for later in changes
                        if later.start_ms <= grant.end_ms and later.end_ms > change.start_ms
                    }
                else:
                    possible.add(change.amount)
        credited = sum(
            credit.amount
            for credit in self._credits
            if credit.start_ms <= grant.end_ms
            and (counter in credit.counters or not credit.counters)
        )
        return max(possible) + credited + self.carried_max.get(budget_id, 0)
