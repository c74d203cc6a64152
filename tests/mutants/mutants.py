"""Deliberate faults: each clause of each condition that DynamoDB is sent, left out or off by one.

A clause that is left out is replaced by one that is true whatever its values are, so that DynamoDB
takes the expression as it would the real one.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

CONDITIONS = {
    "spendgate_service.store.counters": ("POLICY_IS_KNOWN", "IS_AS_SEEN"),
    "spendgate_service.store.holds": (
        "CAN_GRANT", "CAN_GRANT_BELOW_PAUSE", "POLICY_IS_KNOWN_OR_IS_NEW", "IS_BELOW_PAUSE",
        "IS_BELOW_PAUSE_OR_IS_NEW",
        "CAN_GRANT_OR_IS_NEW", "CAN_GRANT_BELOW_PAUSE_OR_IS_NEW", "ENOUGH_COMES_BACK",
        "ENOUGH_COMES_BACK_BELOW_PAUSE", "IS_STILL_HELD", "IS_HELD_THERE",
        "CAN_MOVE", "CAN_MOVE_BELOW_PAUSE", "CAN_MOVE_AND_GRANT", "CAN_MOVE_AND_GRANT_BELOW_PAUSE",
        "IS_STILL_THERE",
    ),
    "spendgate_service.store.credit_writes": (
        "ENDS_ARE_AS_SEEN", "NO_END_COMES_BEFORE", "AN_END_COMES_BEFORE", "CAN_CORRECT_UNTIL",
        "CAN_CORRECT_UNTIL_PERIOD_ENDS",
    ),
    "spendgate_service.store.postings": ("COUNTER_EXISTS", "IS_IN_WINDOW", "HAS_LEFT_WINDOW"),
    "spendgate_service.store.windows": (
        "SO_MUCH_WAITS", "NO_WINDOW_IS_OPEN_AND_NOTHING_WAITS", "WINDOW_IS_AS_SEEN",
    ),
    "spendgate_service.store.reservations": ("IS_HELD_AS_SEEN", "IS_LEASED_AS_SEEN"),
    "spendgate_service.store.due_index": (
        "IS_DUE_AS_SEEN", "IS_DUE_AS_SEEN_AND_NOTHING_CAME_IN",
    ),
    "spendgate_service.store.policies": ("POLICY_IS_NEW", "POLICY_IS_AS_READ"),
    "spendgate_service.store.idempotency": ("IS_THE_FIRST_TIME",),
    "spendgate_service.store.increase_requests": ("IS_PENDING", "HAS_EXPIRED", "WAITS_FOR_NOTHING"),
    "spendgate_service.budgets.opening": ("SPENT_IS_AS_READ", "SPENT_EVER_IS_AS_READ"),
}  # fmt: skip
"""Every condition of a write that moves money or rules, by the module of its constant."""

CREATORS = (
    "reservations.reserve", "periods.close", "events.threshold_events", "budgets.opening",
    "budgets.policy_writes", "budgets.change", "store.ledger", "store.usage", "store.windows",
    "store.slugs", "store.changes", "store.increase_requests",
)  # fmt: skip
"""The modules that create an item of money or rules only if it is new: `IS_NEW` of each alone."""

_CLAUSE = re.compile(r"attribute_(?:not_)?exists\([#\w]+\)|[#\w]+ (?:>=|<=|<>|=|<|>) :\w+")
_OFF_BY_ONE = {">=": ">", "<=": "<", "<": "<="}
_BUCKETS = ("unchanged", "sufficient")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One constant with one clause broken, everywhere or `only_in` one module that uses it."""

    module: str
    constant: str
    clause: str
    broken: str
    only_in: str = ""

    @property
    def name(self) -> str:
        return f"{self.condition}: {self.clause} -> {self.what}"

    @property
    def condition(self) -> str:
        """The constant, and where it is broken if that is not everywhere."""
        return f"{self.constant} in {self.only_in}" if self.only_in else self.constant

    @property
    def what(self) -> str:
        return "left out" if " OR " in self.broken else self.broken

    def apply(self) -> None:
        """Break it in every module that has it already."""
        module = import_module(self.module)
        if self.constant.startswith("Buckets."):
            _break_buckets(module.Buckets, self.constant.removeprefix("Buckets."))
            return
        before = getattr(module, self.constant)
        after = before.replace(self.clause, self.broken, 1)
        assert after != before
        if self.only_in:
            creator: Any = import_module(f"spendgate_service.{self.only_in}")
            creator.keys = SimpleNamespace(**{**vars(module), self.constant: after})
            return
        for name, user in list(sys.modules.items()):
            is_ours = name.startswith(("spendgate_service.", "tests."))
            if is_ours and getattr(user, self.constant, None) == before:
                setattr(user, self.constant, after)
        holds = import_module("spendgate_service.store.holds")
        for conditions in (holds._CONDITIONS, holds._MOVING_CONDITIONS):
            for rule, condition in conditions.items():
                if condition == before:
                    conditions[rule] = after


def _break_buckets(buckets: type, clauses: str) -> None:
    """The clauses over all buckets hold whatever is in them."""
    build = buckets.__init__  # type: ignore[misc]

    def broken(self: object, *arguments: object, **named: object) -> None:
        build(self, *arguments, **named)
        setattr(
            self, clauses, _CLAUSE.sub(lambda matched: _true(matched[0]), getattr(self, clauses))
        )

    buckets.__init__ = broken  # type: ignore[misc]


def all_mutants() -> Iterator[Mutant]:
    """Every mutant, in the order of the code."""
    for module, constants in CONDITIONS.items():
        for constant in constants:
            expression: str = getattr(import_module(module), constant)
            for clause in dict.fromkeys(_CLAUSE.findall(expression)):
                yield Mutant(module, constant, clause, _true(clause))
                operator = clause.split(" ")[1] if " " in clause else ""
                if operator in _OFF_BY_ONE:
                    broken = clause.replace(operator, _OFF_BY_ONE[operator])
                    yield Mutant(module, constant, clause, broken)
    is_new = import_module("spendgate_service.store.keys").IS_NEW
    for user in CREATORS:
        yield Mutant("spendgate_service.store.keys", "IS_NEW", is_new, _true(is_new), only_in=user)
    for clauses in _BUCKETS:
        name = f"Buckets.{clauses}"
        yield Mutant("spendgate_service.store.counters", name, "every bucket", " OR ")


def _true(clause: str) -> str:
    """Always true, with the same values: DynamoDB refuses one that is not used."""
    return f"({clause} OR NOT {clause})"


def named(name: str) -> Mutant:
    """The mutant of that name."""
    return next(mutant for mutant in all_mutants() if mutant.name == name)


def main() -> None:
    """List them."""
    sys.stdout.writelines(f"{mutant.name}\n" for mutant in all_mutants())


if __name__ == "__main__":
    main()
