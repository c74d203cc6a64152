"""Scenarios: a stage, what is done on it at once, and what else may happen meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.interleavings import service
from tests.interleavings.exploring import Explorer, explore_at_random
from tests.interleavings.invariants import Invariants
from tests.interleavings.processes import Call, Process
from tests.interleavings.runs import Run, patched_ids
from tests.support.clock import NOON_MS
from tests.support.dynamo_expressions import Attributes
from tests.support.exact_indexes import Key
from tests.support.exact_table import ExactTable
from tests.support.ledger_invariants import assert_books_balance
from tests.support.rollover import close
from tests.support.world import World

CLOCKS_APART_MS = 1000
"""By how much the clocks of two environments may differ."""

ALL_ENDS_MS = 7_200_000
"""After so long every hold of a scenario has expired, and every period has ended."""

type Stage = Mapping[str, Any]
"""What the operations of a scenario act on: budgets and reservations by their names."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a caller, an admin, the queue or the schedule does.

    `clocks` are by how many milliseconds its clock may be ahead, `losses` how many answers it may
    lose, `warm_for` the subjects whose rules its environment has read before.
    """

    name: str
    do: Callable[[World, Stage], object]
    clocks: tuple[int, ...] = (0,)
    losses: int = 0
    warm_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Operations on one stage, and what else may happen meanwhile.

    `ticks_ms` are the steps of the clock, `expiring` the partitions from which TTL removes what has
    expired; `check` sees the outcomes of a complete run. It `leaves_holds` where others that come
    in between while a lease grows may leave holds until they expire.
    """

    name: str
    prepare: Callable[[World], Stage]
    operations: Sequence[Operation]
    ticks_ms: tuple[int, ...] = ()
    expiring: tuple[str, ...] = ()
    check: Callable[["Outcomes"], None] | None = None
    leaves_holds: bool = False


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What each operation came to: what it returned, or the error that it answered."""

    results: Mapping[str, object]
    stage: Stage
    books: Invariants


@dataclass(frozen=True, slots=True)
class Figures:
    """How much of a scenario was explored."""

    scenario: str
    complete: int
    cut_short: int
    is_exhausted: bool


@dataclass(slots=True)
class PreparedScenario:
    """One scenario, prepared once: every run begins from the same table and the same books."""

    scenario: Scenario
    items: dict[Key, Attributes] = field(init=False)
    books: Invariants = field(init=False)
    stage: Stage = field(init=False)
    now_ms: int = field(init=False)
    run: Run = field(init=False)
    _seen_ends: set[int] = field(default_factory=set)
    _books: Invariants = field(init=False)

    def __post_init__(self) -> None:
        self._books = Invariants(NOON_MS)
        self.run = self._new_run(ExactTable(), NOON_MS)
        self.stage = self.scenario.prepare(service.environment(self.run))
        self.items, self.books = dict(self.run.engine.items), self._books
        self.now_ms = self.run.now_ms
        self.run.end()

    def _new_run(self, engine: ExactTable, now_ms: int) -> Run:
        def changed(changes: Any) -> None:
            self._books.now_ms = run.now_ms
            self._books.writing = run.performing
            self._books.changed(changes)

        engine.on_change = changed
        return (run := Run(engine, now_ms=now_ms))

    def start(self) -> Run:
        """A run that has not begun yet."""
        self._books = self.books.copy()
        self.run = run = self._new_run(ExactTable(dict(self.items)), self.now_ms)
        for operation in self.scenario.operations:
            run.add(self._process(run, operation))
        if self.scenario.ticks_ms:
            ticks = [Call("tick", {"ms": ms}) for ms in self.scenario.ticks_ms]
            run.add_waiting("clock", ticks)
        for prefix in self.scenario.expiring:
            run.add_waiting(f"ttl {prefix}", [Call("expire", {"prefix": prefix})])
        return run

    def _process(self, run: Run, operation: Operation) -> Process:
        world = service.environment(run, warm_for=operation.warm_for)
        return Process(
            operation.name,
            lambda: operation.do(world, self.stage),
            ways_to_start=tuple(str(ms) if ms else "" for ms in operation.clocks),
            losses_left=operation.losses,
        )

    def finish(self, run: Run) -> None:
        """The end of a complete run: nothing failed that must not, and the books at last."""
        results: dict[str, object] = {}
        for operation in self.scenario.operations:
            process = run.processes[operation.name]
            if process.error is not None and not isinstance(process.error, service.REFUSALS):
                raise process.error
            results[operation.name] = process.error or process.result
        has_losses = any(operation.losses for operation in self.scenario.operations)
        if not has_losses and not self.scenario.leaves_holds:
            self._books.check_no_orphans()
        if self.scenario.check is not None:
            self.scenario.check(Outcomes(results, self.stage, self._books))
        end = hash((run.now_ms, repr(sorted(run.engine.items.items()))))
        if end not in self._seen_ends:
            self._let_all_end(run)
            self._seen_ends.add(end)

    def _let_all_end(self, run: Run) -> None:
        """All holds expire and all periods are closed; then the books again."""
        world = service.environment(run)
        run.now_ms += ALL_ENDS_MS
        close(world)
        close(world)
        service.roll_up(world)
        self._books.now_ms = run.now_ms
        self._books.check_statements()
        books = assert_books_balance(world.table, now_ms=run.now_ms, orphans_allowed=True)
        service.check_rollups(world, records=len(books.usage))
        ended = [key for key, ends_at in books.due.items() if ends_at * 1000 <= run.now_ms]
        assert not ended, f"still due: {ended}"


def explore(scenario: Scenario, *, complete_max: int, seed: int = 1) -> Figures:
    """All orders of a scenario. Where there are more, others are drawn at random besides."""
    prepared: list[PreparedScenario] = []
    before = Run(ExactTable(), now_ms=NOON_MS)
    with patched_ids(lambda: prepared[0].run if prepared else before):
        prepared.append(PreparedScenario(scenario))
        start, finish = prepared[0].start, prepared[0].finish
        explored = Explorer(start, finish).explore(complete_max=complete_max)
        if not explored.is_exhausted:
            drawn = complete_max // 2
            explored.complete += explore_at_random(start, finish, complete=drawn, seed=seed)
    return Figures(scenario.name, explored.complete, explored.cut_short, explored.is_exhausted)
