"""Plans, without a service: every kind of change and warning, and what holds for any file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate.cli.code import saved, showing
from spendgate.cli.code.model import BudgetFile
from spendgate.cli.code.objects import Fields, Key, Objects, objects_of
from spendgate.cli.code.planner import Existing, Facts, Options, Plan, State, make_plan
from spendgate.cli.code.warnings import with_warnings

GOLDEN = Path(__file__).with_name("plans.txt")
NO_MONEY = {"spent": "0", "held": "0", "credits": "0", "carried_in": "0"}
AGENT = {"subject": "agent:a", "unit": "usd", "limit": 10, "period": "month"}


def objects(document: Mapping[str, Any]) -> Objects:
    parsed = BudgetFile.model_validate({"version": 1, "stack": "prod", **document})
    wanted, wrong = objects_of(parsed)
    assert not wrong
    return wanted


def of_service(
    document: Mapping[str, Any],
    *,
    stack: str | None = "prod",
    money: Mapping[str, str] | None = None,
    slugs: Mapping[str, str | None] | None = None,
) -> State:
    """What a service has after a file was applied; a budget may have money or another slug."""
    facts = {
        name: Facts(f"bud_{name}", (slugs or {}).get(name, name), stack, money={**NO_MONEY})
        for name in document.get("budgets", {})
    }
    if money is not None:
        facts = {name: replace(known, money={**NO_MONEY, **money}) for name, known in facts.items()}
    return state_of(objects(document).fields, facts)


def state_of(fields: Mapping[Key, Fields], facts: Mapping[str, Facts]) -> State:
    others = {
        key: Existing(wanted, '"1"') for key, wanted in fields.items() if key.kind != "budget"
    }
    budgets = {
        facts[key.name].budget_id: Existing(wanted, '"1"', facts[key.name])
        for key, wanted in fields.items()
        if key.kind == "budget"
    }
    return State(others, budgets)


def one(**fields: Any) -> dict[str, Any]:
    return {"budgets": {"a": {**AGENT, **fields}}}


OTHERS: dict[str, Any] = {
    "token_caps": {"model:gpt-4o": {"max_completion_tokens": 4096}},
    "prices": {"openai/mine": {"input_per_million": 3, "output_per_million": 12}},
    "rates": {"eur/usd": {"rate": 1.08, "max_age_seconds": 86400}},
    "tenant": {"require_budget": True},
}
CHANGED: dict[str, Any] = {
    "token_caps": {"model:gpt-4o": {"max_completion_tokens": 1024}},
    "prices": {"openai/mine": {"input_per_million": 4, "output_per_million": 12}},
    "rates": {"eur/usd": {"rate": 1.1, "max_age_seconds": 86400}},
    "tenant": {"require_budget": False},
}
NOTHING = State()
SPENT = {"spent": "12.5", "held": "1"}
PRUNE = Options(prune=True)

CASES: dict[str, tuple[Mapping[str, Any], State, Options]] = {
    "nothing to do": (one(), of_service(one()), Options()),
    "written otherwise, and the same": (
        one(limit="10.00", period={"type": "calendar", "unit": "month", "anchor": {"day": 1}}),
        of_service(one()),
        Options(),
    ),
    "a new budget": (one(soft_limit=8, name="Agent A"), NOTHING, Options()),
    "metadata like a period": (
        one(metadata={"type": "team"}),
        of_service(one(metadata={"type": "calendar"})),
        Options(),
    ),
    "a new object of each other kind": (OTHERS, NOTHING, Options()),
    "a change to each other kind": (CHANGED, of_service(OTHERS), Options()),
    "an override replaces a default": (
        {"budgets": {"a": AGENT, "every": {**AGENT, "subject": "agent:*"}}},
        of_service({"budgets": {"every": {**AGENT, "subject": "agent:*"}}}),
        Options(),
    ),
    "a limit below what is spent": (one(limit=5), of_service(one(), money=SPENT), Options()),
    "a limit that is low, but above what is spent": (
        one(limit=9),
        of_service(one(), money={"spent": "2"}),
        Options(),
    ),
    "another time zone": (
        one(period={"type": "calendar", "unit": "month", "timezone": "Europe/Paris"}),
        of_service(one(), money=SPENT),
        Options(),
    ),
    "another period that inherits": (
        one(period="day", opening_spent="inherit"),
        of_service(one(), money=SPENT),
        Options(),
    ),
    "an override that inherits": (
        {"budgets": {"a": {**AGENT, "opening_spent": 2}, "every": {**AGENT, "subject": "agent:*"}}},
        of_service({"budgets": {"every": {**AGENT, "subject": "agent:*"}}}),
        Options(),
    ),
    "an opening amount without a new period": (
        one(opening_spent="inherit"),
        of_service(one()),
        Options(),
    ),
    "another subject": (one(subject="agent:b"), of_service(one(), money=SPENT), Options()),
    "another subject, forced": (one(unit="eur"), of_service(one()), Options(force=True)),
    "a renamed slug": (
        {"budgets": {"b": AGENT}}, of_service(one(), money=SPENT), PRUNE,
    ),
    "a renamed slug without prune": ({"budgets": {"b": AGENT}}, of_service(one()), Options()),
    "left out of the file": ({}, of_service(one()), Options()),
    "deleted": ({"tenant": {"require_budget": True}}, of_service(one()), PRUNE),
    "deleted, with money": ({}, of_service(one(), money=SPENT), PRUNE),
    "deleted, with money, forced": ({}, of_service(one(), money=SPENT), replace(PRUNE, force=True)),
    "a default is deleted": (
        {},
        State({}, {
            "bud_d": Existing(
                objects(one(subject="agent:*")).fields[Key("budget", "a")],
                '"1"',
                Facts("bud_d", "every", "prod", money=None),
            )
        }),
        PRUNE,
    ),
    "too many deletions": (
        {},
        of_service({"budgets": {"a": AGENT, "b": {**AGENT, "subject": "agent:b"}}}),
        replace(PRUNE, max_deletes=1),
    ),
    "of no stack": (one(limit=11), of_service(one(), stack=None), Options()),
    "of no stack, adopted": (one(), of_service(one(), stack=None), Options(adopt=True)),
    "of another stack": (one(), of_service(one(), stack="dev"), Options()),
    "of another stack, not pruned": ({}, of_service(one(), stack="dev"), PRUNE),
    "without a slug, adopted": (
        {"budgets": {"named": AGENT}},
        of_service(one(), stack=None, slugs={"a": None}),
        Options(adopt=True),
    ),
}  # fmt: skip


def planned(name: str) -> Plan:
    document, state, options = CASES[name]
    wanted = objects(document)
    return with_warnings(make_plan(wanted, state, options), wanted, state)


def golden_text() -> str:
    parts = []
    for name in CASES:
        plan = planned(name)
        lines = [line.rstrip() for line, _ in showing.as_text(plan)]
        parts.append("\n".join([f"# {name}", *lines]))
    everything = "a change to each other kind", "a limit below what is spent", "deleted, with money"
    parts += [showing.as_markdown(planned(name), f"Budgets: {name}") for name in everything]
    return "\n\n".join(parts) + "\n"


def test_every_kind_of_plan_is_as_it_was_recorded() -> None:
    """Record it anew with: python -m tests.cli.test_plans."""
    assert golden_text() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_saved_plan_is_the_same_plan(name: str) -> None:
    plan, target = planned(name), saved.Target("https://spendgate.example.com", "t")
    document = json.loads(json.dumps(saved.to_json(plan, target)))
    assert saved.from_json(document) == (plan, target)


AMOUNTS = st.decimals(0, 10**6, places=9, allow_nan=False, allow_infinity=False)
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"])
RESETTING: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["hour", "day", "week", "month", "quarter", "year", "5h", "30 min", "7 DAYS"]),
    st.builds(lambda zone: {"type": "calendar", "unit": "week", "timezone": zone}, ZONES),
    st.builds(
        lambda day, zone: {
            "type": "calendar", "unit": "month", "timezone": zone, "anchor": {"day": day},
        },
        st.integers(1, 31),
        ZONES,
    ),
    st.builds(lambda n: {"type": "duration", "seconds": n}, st.integers(1, 366 * 86_400)),
)  # fmt: skip
LASTING: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["none", "rolling:5h"]),
    st.builds(lambda n: {"type": "rolling", "window": f"{n}h"}, st.integers(1, 99)),
)


@st.composite
def budget(draw: st.DrawFn, number: int) -> dict[str, Any]:
    kinds = ["agent", "user", "app", "tool"]
    made: dict[str, Any] = {
        "subject": f"{draw(st.sampled_from(kinds))}:{draw(st.sampled_from(['*', f'n{number}']))}",
        "unit": draw(st.sampled_from(["usd", "tokens", "eur"])),
        "limit": draw(AMOUNTS),
    }
    resets = draw(st.booleans())
    if draw(st.booleans()):
        made["period"] = draw(RESETTING if resets else LASTING)
        if resets and draw(st.booleans()):
            made["carry_over"] = {"unused": True, "max": draw(AMOUNTS), "debt": draw(st.booleans())}
    if draw(st.booleans()):
        made["soft_limit"] = draw(st.decimals(0, made["limit"], places=9))
        made["on_soft_limit"] = draw(st.sampled_from(["warn", "pause"]))
    optional = {
        "mode": st.sampled_from(["enforce", "shadow"]),
        "name": st.sampled_from(["A name", "é", "🙂"]),
        "warn_at_pct": st.lists(st.integers(1, 100), max_size=4),
        "metadata": st.dictionaries(
            st.sampled_from(["team", "x"]), st.sampled_from([1, "a", None])
        ),
    }
    for field, values in optional.items():
        if draw(st.booleans()):
            made[field] = draw(values)
    return made


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Any valid file; no two budgets are on the same subject but by a default."""
    count = draw(st.integers(0, 4))
    document: dict[str, Any] = {
        "budgets": {f"b{number}": draw(budget(number)) for number in range(count)}
    }
    parts: dict[str, Any] = {
        "token_caps": {"model:gpt-4o": {"max_total_tokens": draw(st.integers(0, 10**6))}},
        "prices": {
            "openai/mine": {
                "input_per_million": draw(AMOUNTS),
                "output_per_million": draw(AMOUNTS),
                "service_tiers": {"batch": draw(AMOUNTS)},
                "tiers": [{"above_input_tokens": 9, "input_per_million": draw(AMOUNTS)}],
            }
        },
        "rates": {"eur/usd": {"rate": draw(AMOUNTS.filter(bool))}},
        "tenant": {"require_budget": draw(st.booleans())},
    }
    chosen = {name: part for name, part in parts.items() if draw(st.booleans())}
    return {**document, **chosen}


def applied(plan: Plan, state: State) -> State:
    """The service after a plan, as a model: objects with the fields that they shall have."""
    others, budgets = dict(state.objects), dict(state.budgets)
    for change in plan.changes:
        if change.key.kind != "budget":
            others[change.key] = Existing(change.after, '"2"')
            continue
        facts = change.before.facts
        if facts is not None and change.action != "update":
            del budgets[facts.budget_id]
        if change.after is not None:
            kept = facts.budget_id if facts and change.action == "update" else f"new-{change.key}"
            budgets[kept] = Existing(change.after, '"2"', Facts(kept, change.key.name, plan.stack))
    return State(others, budgets)


EVERYTHING = Options(prune=True, adopt=True, force=True, max_deletes=99)


@given(before=files(), after=files())
@settings(max_examples=60, deadline=None)
def test_any_file_applied_plans_empty_from_any_state_before(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    state = applied(make_plan(objects(before), NOTHING), NOTHING)
    wanted = objects(after)
    plan = make_plan(wanted, state, EVERYTHING)
    assert not plan.blocked
    then = applied(plan, state)
    assert make_plan(wanted, then, EVERYTHING).is_empty
    assert {existing.facts.slug for existing in then.budgets.values() if existing.facts} == set(
        after["budgets"]
    )


@given(file=files(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_drift_is_found_and_repaired(file: dict[str, Any], data: st.DataObject) -> None:
    wanted = objects(file)
    state = applied(make_plan(wanted, NOTHING), NOTHING)
    everything: dict[Key | str, Existing] = dict([*state.objects.items(), *state.budgets.items()])
    if not everything:
        return
    name = data.draw(st.sampled_from(sorted(everything, key=str)))
    existing = everything[name]
    assert existing.fields is not None
    field = data.draw(st.sampled_from(sorted(existing.fields)))
    drifted = replace(existing, fields={**existing.fields, field: "drifted"})
    if isinstance(name, Key):
        state = replace(state, objects={**state.objects, name: drifted})
    else:
        state = replace(state, budgets={**state.budgets, name: drifted})
    plan = make_plan(wanted, state, EVERYTHING)
    assert [field in [found for found, _, _ in change.differences] for change in plan.changes] == [
        True
    ]
    assert make_plan(wanted, applied(plan, state), EVERYTHING).is_empty


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), encoding="utf-8")
