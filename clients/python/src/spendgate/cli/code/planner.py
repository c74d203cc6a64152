"""Which changes make the service what a file says. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spendgate.cli.code.objects import KINDS, Fields, Key, Objects

Action = Literal["create", "update", "delete", "replace"]
SIGNS: Mapping[Action, str] = {"create": "+", "update": "~", "delete": "-", "replace": "-/+"}
MONEY = ("spent", "held", "credits", "carried_in")
"""What a budget may hold, by name."""
_IDENTITY = ("subject", "unit")
"""The fields of a budget that never change."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What only an existing budget has."""

    budget_id: str
    slug: str | None
    stack: str | None
    status: str = "active"
    money: Mapping[str, str] | None = field(default_factory=dict)
    """What it holds, by the names of MONEY; None: it is not known."""

    @property
    def holds_money(self) -> bool:
        """Whether something would be lost with it, as far as is known."""
        return self.money is None or any(text != "0" for text in self.money.values())


@dataclass(frozen=True, slots=True)
class Existing:
    """An object of the service as it was read."""

    fields: Fields | None
    """None: there is none; a price may have a tag all the same, that of the built-in one."""
    etag: str | None = None
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the service has: the objects that the file names, and every budget by its id."""

    objects: Mapping[Key, Existing] = field(default_factory=dict)
    budgets: Mapping[str, Existing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """What a plan may do beyond its own stack."""

    prune: bool = False
    adopt: bool = False
    force: bool = False
    max_deletes: int = 10


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the object as it was read, and as it shall be."""

    action: Action
    key: Key
    before: Existing
    after: Fields | None
    adopts: bool = False
    opening: str | None = None
    """What the budget starts with as spent, at its creation and at a change of period."""
    warnings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """The options without which it is not made."""

    @property
    def differences(self) -> Iterator[tuple[str, Any, Any]]:
        """Each field that changes: its name, from, to."""
        before, after = self.before.fields or {}, self.after or {}
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) != after.get(name):
                yield name, before.get(name), after.get(name)

    @property
    def ends_budget(self) -> bool:
        """Whether a budget of before is deleted."""
        return self.action in ("delete", "replace")

    def changes(self, field: str) -> bool:
        """Whether a field changes."""
        return any(name == field for name, _, _ in self.differences)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes in the order in which they are made."""

    stack: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the service is what the file says."""
        return not self.changes

    @property
    def blocked(self) -> tuple[Change, ...]:
        """The changes that need an option that was not given."""
        return tuple(change for change in self.changes if change.needs)

    def count(self, action: Action) -> int:
        """How many changes of a kind there are."""
        return sum(change.action == action for change in self.changes)


def make_plan(wanted: Objects, state: State, options: Options | None = None) -> Plan:
    """Compare what there shall be with what there is."""
    options = options or Options()
    others = [
        change
        for key, fields in wanted.fields.items()
        if key.kind != "budget"
        for change in _change_of(key, fields, state.objects.get(key, Existing(None)))
    ]
    others.sort(key=lambda change: (KINDS.index(change.key.kind), change.key.name))
    budgets, unpruned = _budget_changes(wanted, state, prune=options.prune)
    opened = [_with_opening(change, wanted) for change in budgets]
    changes = [_with_needs(change, options) for change in (*others, *opened)]
    notes: tuple[str, ...] = ()
    if unpruned:
        names = ", ".join(sorted(unpruned))
        notes = (f"not in the file, and kept without --prune: {names}",)
    return Plan(wanted.stack, tuple(_limited(changes, options)), notes)


def _change_of(key: Key, wanted: Fields, existing: Existing) -> Iterator[Change]:
    """What an object other than a budget needs; of the tenant's settings only the named count."""
    before = existing.fields
    if before is None:
        yield Change("create", key, existing, wanted)
        return
    if key.kind == "tenant":
        before = {name: value for name, value in before.items() if name in wanted}
        existing = replace(existing, fields=before)
    if before != wanted:
        yield Change("update", key, existing, wanted)


def _budget_changes(
    wanted: Objects, state: State, *, prune: bool
) -> tuple[list[Change], list[str]]:
    """The changes of budgets, and the names of those that are left although no file names them."""
    by_slug = {
        existing.facts.slug: existing
        for existing in state.budgets.values()
        if existing.facts and existing.facts.slug
    }
    asked = {key: fields for key, fields in wanted.fields.items() if key.kind == "budget"}
    gone = {
        slug: existing
        for slug, existing in by_slug.items()
        if existing.facts and existing.facts.stack == wanted.stack
        if Key("budget", slug) not in asked
    }
    free = [
        existing
        for existing in state.budgets.values()
        if existing.facts and existing.facts.slug is None
    ]
    changes: list[Change] = []
    for key, fields in sorted(asked.items()):
        existing = by_slug.get(key.name)
        if existing is not None:
            changes += _known_budget(key, fields, existing, wanted.stack)
        elif (renamed := _same_place(fields, gone.values())) is not None:
            assert renamed.facts is not None and renamed.facts.slug is not None
            del gone[renamed.facts.slug]
            changes.append(Change("replace", key, renamed, fields))
        elif (unmarked := _same_place(fields, free)) is not None:
            free.remove(unmarked)
            changes.append(Change("update", key, unmarked, fields, adopts=True))
        else:
            changes.append(Change("create", key, Existing(None), fields))
    if not prune:
        return changes, list(gone)
    deleted = [
        Change("delete", Key("budget", slug), existing, None)
        for slug, existing in sorted(gone.items())
    ]
    return [*changes, *deleted], []


def _known_budget(key: Key, wanted: Fields, existing: Existing, stack: str) -> Iterator[Change]:
    assert existing.fields is not None and existing.facts is not None
    adopts = existing.facts.stack != stack
    if any(existing.fields[name] != wanted[name] for name in _IDENTITY):
        yield Change("replace", key, existing, wanted, adopts=adopts)
    elif adopts or existing.fields != wanted:
        yield Change("update", key, existing, wanted, adopts=adopts)


def _same_place(wanted: Fields, candidates: Iterable[Existing]) -> Existing | None:
    """A budget on the same subject, in the same unit, over the same periods."""
    place = [wanted[name] for name in (*_IDENTITY, "period")]
    for existing in candidates:
        assert existing.fields is not None
        if [existing.fields[name] for name in (*_IDENTITY, "period")] == place:
            return existing
    return None


def _with_opening(change: Change, wanted: Objects) -> Change:
    """The change with its opening amount, if it starts a period."""
    if change.action == "delete" or (change.action == "update" and not change.changes("period")):
        return change
    return replace(change, opening=wanted.openings.get(change.key))


def _with_needs(change: Change, options: Options) -> Change:
    """The change with the options that it needs and does not have."""
    facts = change.before.facts
    needs = []
    if change.adopts and not options.adopt:
        needs.append("--adopt")
    is_renamed = change.action == "replace" and facts and facts.slug != change.key.name
    if is_renamed and not options.prune:
        needs.append("--prune")
    if change.ends_budget and facts and facts.holds_money and not options.force:
        needs.append("--force")
    return replace(change, needs=tuple(needs))


def _limited(changes: list[Change], options: Options) -> list[Change]:
    """The changes; the deletions need an option if there are too many of them."""
    deletes = sum(change.ends_budget for change in changes)
    if deletes <= options.max_deletes:
        return changes
    need = f"--max-deletes {deletes}"
    return [
        replace(change, needs=(*change.needs, need)) if change.ends_budget else change
        for change in changes
    ]
