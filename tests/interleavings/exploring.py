"""All orders of some processes, but for those that differ only in the order of independent steps.

Depth first and from the start each time, since a process cannot be copied. Where two steps race,
the other order is tried (dynamic partial order reduction: Flanagan and Godefroid, 2005); an order
that was tried before, apart from independent steps, is cut short (sleep sets: Godefroid, 1996).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.interleavings.footprints import Footprint
from tests.interleavings.processes import Choice, Event
from tests.interleavings.runs import Run

type Clock = dict[str, int]
"""How many steps of each process happened before."""


@dataclass(slots=True)
class _Node:
    """A state, what may happen in it, what was tried, and the step that is being tried."""

    choices: Sequence[Choice]
    asleep: dict[Choice, Footprint]
    chosen: Choice
    backtrack: set[str]
    tried: dict[Choice, Footprint] = field(default_factory=dict)
    event: Event | None = None
    clock: Clock = field(default_factory=dict)

    def next_choice(self) -> Choice | None:
        return next(
            (
                choice
                for choice in self.choices
                if choice.process in self.backtrack
                and choice not in self.tried
                and choice not in self.asleep
            ),
            None,
        )

    def asleep_after(self) -> dict[Choice, Footprint]:
        """What need not be tried after this step: it was tried before, and commutes with it."""
        assert self.event is not None
        happened = self.event.footprint
        return {
            choice: footprint
            for choice, footprint in {**self.asleep, **self.tried}.items()
            if choice.process != self.chosen.process and not footprint.conflicts(happened)
        }


@dataclass(slots=True)
class Explored:
    """How much was tried. `is_exhausted` if nothing is left."""

    complete: int = 0
    cut_short: int = 0
    is_exhausted: bool = False


class Different(AssertionError):
    """The same choices led to something else: a process sees more than the scheduler."""


class Explorer:
    """Explores the runs that `start` begins; `finish` is called at the end of each complete one."""

    def __init__(self, start: Callable[[], Run], finish: Callable[[Run], None]) -> None:
        self._start = start
        self._finish = finish
        self._path: list[_Node] = []

    def explore(self, *, complete_max: int) -> Explored:
        """Try all orders, or as many as that."""
        explored = Explored()
        while explored.complete < complete_max:
            if self._run_once():
                explored.complete += 1
            else:
                explored.cut_short += 1
            if not self._next():
                explored.is_exhausted = True
                break
        return explored

    def _run_once(self) -> bool:
        """One run along the path and on to its end; False if it was cut short."""
        run = self._start()
        clocks: dict[str, Clock] = {}
        try:
            for place, node in enumerate(self._path):
                self._take(run, place, node, clocks)
            while choices := run.choices():
                asleep = self._path[-1].asleep_after() if self._path else {}
                awake = [choice for choice in choices if choice not in asleep]
                if not awake:
                    return False
                node = _Node(choices, asleep, awake[0], {awake[0].process})
                self._path.append(node)
                self._take(run, len(self._path) - 1, node, clocks)
            self._finish(run)
        except Exception as error:
            error.add_note("after this schedule:\n" + "\n".join(schedule_of(self._events())))
            raise
        finally:
            run.end()
        return True

    def _events(self) -> Iterator[Event]:
        for node in self._path:
            if node.event is not None:
                yield node.event

    def _take(self, run: Run, place: int, node: _Node, clocks: dict[str, Clock]) -> None:
        """Take the step of a node; the first time, find out with what it races."""
        known = node.event
        event = run.step(node.chosen)
        if known is None:
            node.event = event
            self._order(place, node, event, clocks.get(node.chosen.process, {}))
        elif known.label != event.label:
            raise Different(f"{known.label} became {event.label}")
        for process in event.involved:
            clocks[process] = _joined(clocks.get(process, {}), node.clock)

    def _order(self, place: int, node: _Node, event: Event, before: Clock) -> None:
        """What happened before this step; where a step raced with it, the other order is tried."""
        process = event.choice.process
        clock, raced = before, False
        for earlier in reversed(self._path[:place]):
            assert earlier.event is not None
            other = earlier.event.choice.process
            if other == process or not earlier.event.footprint.conflicts(event.footprint):
                continue
            if not raced and before.get(other, 0) < earlier.clock[other]:
                raced = True
                _try_before(earlier, process)
            clock = _joined(clock, earlier.clock)
        node.clock = {**clock, process: before.get(process, 0) + 1}

    def _next(self) -> bool:
        """Turn to the deepest choice that is left; False if there is none."""
        while self._path:
            node = self._path[-1]
            assert node.event is not None
            node.tried[node.chosen] = node.event.footprint
            choice = node.next_choice()
            if choice is not None:
                node.chosen, node.event, node.clock = choice, None, {}
                return True
            self._path.pop()
        return False


def _try_before(node: _Node, process: str) -> None:
    """Try the process at that node; if it could not go there, all that could."""
    able = {choice.process for choice in node.choices}
    node.backtrack |= {process} if process in able else able


def _joined(one: Clock, other: Clock) -> Clock:
    joined = dict(one)
    for process, steps in other.items():
        if steps > joined.get(process, 0):
            joined[process] = steps
    return joined


def explore_at_random(
    start: Callable[[], Run], finish: Callable[[Run], None], *, complete: int, seed: int
) -> int:
    """Schedules drawn at random; how many of them differ in more than independent steps."""
    chance = random.Random(seed)
    different: set[int] = set()
    for _ in range(complete):
        run, events = start(), []
        try:
            while choices := run.choices():
                process = chance.choice(sorted({choice.process for choice in choices}))
                ways = [choice for choice in choices if choice.process == process]
                events.append(run.step(chance.choice(ways)))
            finish(run)
        except Exception as error:
            error.add_note("after this schedule:\n" + "\n".join(schedule_of(events)))
            raise
        finally:
            run.end()
        different.add(_without_order(events))
    return len(different)


def _without_order(events: Sequence[Event]) -> int:
    """The same number for runs that differ in the order of independent steps alone (Foata)."""
    levels: list[int] = []
    for place, event in enumerate(events):
        level = 0
        for earlier, earlier_level in zip(events[:place], levels, strict=True):
            same = earlier.choice.process == event.choice.process
            if same or earlier.footprint.conflicts(event.footprint):
                level = max(level, earlier_level + 1)
        levels.append(level)
    return hash(
        frozenset(
            (level, event.choice, event.label) for level, event in zip(levels, events, strict=True)
        )
    )


def schedule_of(events: Iterator[Event] | Sequence[Event]) -> list[str]:
    """A schedule as people read it."""
    return [f"  {event.choice}: {event.label}" for event in events]
