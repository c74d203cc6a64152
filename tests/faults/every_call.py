"""Faults by enumeration: every fault at every call of every operation, and what comes of it.

The calls are found by letting the operation run once. Each case then starts from the same state,
injects one fault, repeats as a caller would, and audits the whole table twice: right after, and
when every hold has expired.
"""

import json
import re
from collections import Counter as Tally
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from spendgate_service.store import keys
from tests.faults.catalogue import OPERATIONS
from tests.faults.operations import Known, Operation
from tests.support.fault_fixture import Snapshot, Stage, a_stage
from tests.support.faulty_client import Killed
from tests.support.functions import HttpAnswer
from tests.support.ledger_invariants import Books, assert_books_balance, scan
from tests.support.numbered_calls import FAULTS, Fault

COMBINED = (
    ("throttled", "throttled"),
    ("answer lost", "answer lost"),
    ("answer lost", "throttled"),
)
"""A fault, and what then happens to every further call of that kind until all is given up."""

_TRIES_MAX = 4
_WAITS_SECONDS_MAX = 8
"""All waits of a try in one thread; what goes on side by side in earnest waits at the same time."""

_UNTIL_A_HOLD_EXPIRED_SECONDS = 400
_UNTIL_ALL_EXPIRED_SECONDS = 2 * 86_400
_OBJECT_ID = re.compile(r"(?:bud|key|ntf)_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class Case:
    """One fault at one call, and what happens to the calls of its kind after it, if anything."""

    number: int
    operation: str
    fault: Fault
    then: Fault | None = None

    def at(self, number: int, operation: str) -> Fault | None:
        """What happens to a call of the first try."""
        if number == self.number:
            return self.fault
        return self.then if number > self.number and operation == self.operation else None

    @property
    def column(self) -> str:
        return _column(self.fault, self.then)


def _column(fault: Fault, then: Fault | None = None) -> str:
    if then is None:
        return fault.name
    return f"{fault.name}, {'on and on' if then is fault else f'then {then.name}'}"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, and what became of each fault at it."""

    number: int
    operation: str
    outcomes: Mapping[str, str]


_BY_NAME = {kind.name: kind for kind in FAULTS}
CASES = [
    *((kind, None) for kind in FAULTS),
    *((_BY_NAME[first], _BY_NAME[then]) for first, then in COMBINED),
]
COLUMNS = [_column(*case) for case in CASES]
TELLING = ("throttled, on and on", "answer lost", "conflict", "killed after")
"""One fault of each kind that ends in its own way; the others are tried in `make test-long`."""


@dataclass(frozen=True)
class Ending:
    """What must be the same whatever went wrong: all but holds, their ids and times."""

    balances: Mapping[tuple[str, str], tuple[int, int, int, int]]
    ledger: Mapping[tuple[str, str], tuple[int, int]]
    entries: int
    finalized: Mapping[str, int]
    budgets: Sequence[str]
    statements: int
    changes: Mapping[tuple[str, str], int]
    """How many entries the change log has of each action on each object."""


@cache
def tried(name: str, columns: tuple[str, ...]) -> Sequence[Call]:
    """Try the faults of these columns on the operation of that name, at each of its calls."""
    (operation,) = (operation for operation in OPERATIONS if operation.name == name)
    with a_stage() as stage:
        known = operation.prepare(stage)
        before = stage.snapshot()
        trial = Trial(stage, operation, known, before, columns)
        return trial.run()


@dataclass
class Trial:
    """One operation on the stage, from the same state again and again."""

    stage: Stage
    operation: Operation
    known: Known
    before: Snapshot
    columns: Collection[str]

    def run(self) -> Sequence[Call]:
        self.stage.restore(self.before)
        self.first = self.operation.act(self.stage, self.known)
        assert self.first.status != 503, self.first.body
        calls = list(self.stage.wire.calls)
        self.held = self._held(self._audited())
        self.ending = self._ending()
        return [
            Call(number, call, dict(self._outcomes(number, call)))
            for number, call in enumerate(calls, start=1)
        ]

    def _outcomes(self, number: int, call: str) -> list[tuple[str, str]]:
        cases = [
            Case(number, call, fault, then) for fault, then in CASES if fault.can_happen_to(call)
        ]
        return [(case.column, self._outcome(case)) for case in cases if case.column in self.columns]

    def _outcome(self, case: Case) -> str:
        """The first answer, and whether a hold is left beside what a sound run leaves."""
        stage, where = self.stage, (self.operation.name, case)
        stage.restore(self.before)
        stage.wire.fault_at = case.at
        stage.waits.clear()
        try:
            answer: HttpAnswer | None = self.operation.act(stage, self.known)
        except Killed:
            answer = None
            stage.new_process()
        assert sum(stage.waits) < _WAITS_SECONDS_MAX, where
        stage.wire.heal()
        had_to_wait = False
        if answer is None or answer.status == 503:
            assert answer is None or int(answer.headers["Retry-After"]) >= 1, where
            had_to_wait = self._repeat(where)
        else:
            assert self._is_right(answer), (where, answer)
        stage.wire.deliver_late()
        books = self._audited()
        held = self._held(books)
        assert held >= self.held, where
        assert self._ending() == self.ending, where
        assert stage.dead_letters.codes == [], where
        first = "killed" if answer is None else "503" if answer.status == 503 else "ok"
        return f"{first}, hold" if had_to_wait or held > self.held else first

    def _repeat(self, where: object) -> bool:
        """Send the same again until it is answered; it is answered as if nothing had happened.

        Where all that is left is held by the first try, not before that hold has expired; then
        it had to wait.
        """
        answer = self._act_until_answered()
        had_to_wait = answer.status == 429 != self.first.status
        if had_to_wait:
            self.stage.clock.advance(_UNTIL_A_HOLD_EXPIRED_SECONDS)
            answer = self._act_until_answered()
        is_done = answer.status == self.operation.done_before
        assert self._is_right(answer) or is_done, (where, answer)
        return had_to_wait

    def _act_until_answered(self) -> HttpAnswer:
        answer = self.operation.act(self.stage, self.known)
        for _ in range(_TRIES_MAX):
            if answer.status != 503:
                break
            answer = self.operation.act(self.stage, self.known)
        return answer

    def _is_right(self, answer: HttpAnswer) -> bool:
        same_code = answer.body.get("error", {}).get("code") == self.first.body.get(
            "error", {}
        ).get("code")
        return same_code and answer.status in {self.first.status, self._replayed_status}

    @property
    def _replayed_status(self) -> int:
        return 200 if self.first.status == 201 else self.first.status

    def _audited(self) -> Books:
        """Nothing past a limit, nothing that does not add up."""
        books = assert_books_balance(
            self.stage.audited, now_ms=self.stage.clock.now_ms(), orphans_allowed=True
        )
        assert all(counter.available >= 0 for counter in books.counters.values())
        return books

    def _held(self, books: Books) -> int:
        now_ms = self.stage.clock.now_ms()
        return sum(counter.held(now_ms=now_ms) for counter in books.counters.values())

    def _ending(self) -> Ending:
        """The state when every hold has expired."""
        self.stage.clock.advance(_UNTIL_ALL_EXPIRED_SECONDS)
        now_ms, books = self.stage.clock.now_ms(), self._audited()
        policies = [item for item in scan(self.stage.audited) if item["sk"]["S"] == "POLICY"]
        return Ending(
            balances={
                self._without_new_ids(key): (
                    counter.limit, counter.version, counter.spent_of_all_time,
                    counter.available_at(now_ms=now_ms),
                )
                for key, counter in books.counters.items()
            },
            ledger={
                self._without_new_ids(key): (spent, books.credited_by_ledger[key])
                for key, spent in books.spent_by_ledger.items()
            },
            entries=books.entries,
            finalized=Tally(
                f"{one.state} {one.actual}" for _, one in books.reservations if one.state != "held"
            ),
            budgets=sorted(map(self._rules_of, policies)),
            statements=len(books.statements),
            changes=Tally(map(self._change_of, _changes_in(self.stage))),
        )  # fmt: skip

    def _change_of(self, entry: Any) -> tuple[str, str]:
        return entry["action"], _OBJECT_ID.sub(self._name_of, entry["object"])

    def _without_new_ids(self, key: tuple[str, str]) -> tuple[str, str]:
        return _OBJECT_ID.sub(self._name_of, key[0]), key[1]

    def _name_of(self, found: re.Match[str]) -> str:
        known = {value.get("budget_id") for value in self.known.values() if isinstance(value, dict)}
        return found[0] if found[0] in known else "new"

    def _rules_of(self, policy: Any) -> str:
        return _OBJECT_ID.sub(self._name_of, str(sorted(policy.items())))


def _changes_in(stage: Stage) -> list[Any]:
    """Read every entry of the change log."""
    items = scan(stage.audited)
    entries = [item for item in items if item["sk"]["S"].startswith(keys.CHANGE_PREFIX)]
    return [json.loads(item["entry"]["S"]) for item in entries]
