"""`validate`, `plan`, `apply`, `import` against the service."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from ruamel.yaml import YAML

from spendgate import PermissionDeniedError, Spendgate, models
from spendgate._sync.resources import Budgets
from spendgate.cli.code.model import MARK, json_schema
from tests.cli.conftest import Run
from tests.cli.test_plans import files
from tests.support.service import ROOT, Service, new_tenant

FILE = Path("budgets.yaml")
START = """\
version: 1
stack: production
defaults: {unit: usd, warn_at_pct: [50, 80, 95]}
budgets:
  every-agent-daily: {subject: "agent:*", limit: 10, period: day}
  researcher:
    subject: agent:researcher
    limit: 50
    soft_limit: 40
    period: {type: calendar, unit: month, timezone: Europe/Paris}
    carry_over: {unused: true, max: 5}
token_caps: {"model:gpt-4o": {max_completion_tokens: 4096}}
prices: {openai/my-finetune: {input_per_million: 3, output_per_million: 12}}
rates: {eur/usd: {rate: 1.08, max_age_seconds: 86400}}
tenant: {require_budget: true, unpriced_model: reject}
"""


def write(text: str) -> None:
    FILE.write_text(text, encoding="utf-8")


def applied(run: Run, text: str, *options: str) -> str:
    write(text)
    ran = run("apply", "--yes", *options)
    assert ran.code == 0, ran.err
    assert run("plan", "--detailed-exitcode").code == 0, "what was applied plans empty"
    return ran.out


def id_of(tenant: Spendgate, slug: str) -> str:
    (found,) = [budget for budget in tenant.budgets.list() if budget.slug == slug]
    return found.budget_id


def test_from_nothing_to_applied_drifted_and_repaired(as_tenant: Run, tenant: Spendgate) -> None:
    write(START)
    assert as_tenant("validate").code == 0
    planned = as_tenant("plan", "--detailed-exitcode")
    assert (planned.code, planned.out.splitlines()[-1]) == (
        2, "Plan: 5 to add, 1 to change, 0 to replace, 0 to delete.",
    )  # fmt: skip
    asked = as_tenant("apply")
    assert (asked.code, "--yes" in asked.err) == (64, True), "it asks, and a program cannot answer"
    applied(as_tenant, START)
    assert tenant.tenant.retrieve().require_budget
    assert tenant.prices.retrieve("openai", "my-finetune").input_per_million == 3
    assert "No changes" in as_tenant("apply", "--yes").out

    name = id_of(tenant, "researcher")
    tenant.record(agent="researcher", actual={"usd": 45})
    assert as_tenant("plan", "--detailed-exitcode").code == 0, "spending is no drift"
    tenant.budgets.update(name, limit=60)
    tenant.token_caps.set("model:gpt-4o", max_completion_tokens=1)
    drifted = as_tenant("plan", "--detailed-exitcode", "-o", "json")
    assert drifted.code == 2
    assert [change["key"]["name"] for change in drifted.json["changes"]] == [
        "model:gpt-4o", "researcher",
    ]  # fmt: skip
    applied(as_tenant, START)
    assert tenant.budgets.retrieve(name).limit == 50


def test_another_time_zone_changes_the_budget_and_keeps_its_ledger(
    as_tenant: Run, tenant: Spendgate
) -> None:
    applied(as_tenant, START)
    name = id_of(tenant, "researcher")
    tenant.record(agent="researcher", actual={"usd": 45})
    write(START.replace("Europe/Paris", "Asia/Tokyo"))
    assert "45 spent in the current one no longer counts" in as_tenant("plan").out
    applied(as_tenant, START.replace("Europe/Paris", "Asia/Tokyo"))
    changed = tenant.budgets.retrieve(name)
    assert changed.period.timezone == "Asia/Tokyo"
    assert [entry.amount for entry in tenant.budgets.ledger(name)] == [45]


def test_an_override_says_what_it_leaves_behind_or_inherits_it(
    as_tenant: Run, tenant: Spendgate
) -> None:
    every = '{every: {subject: "agent:*", unit: usd, limit: 10}'
    own = "{subject: agent:%s, unit: usd, limit: 5%s}"
    applied(as_tenant, f"version: 1\nstack: s\nbudgets: {every}}}\n")
    for agent in "ab":
        tenant.record(agent=agent, actual={"usd": 4})
    left = own % ("a", "")
    inherits = own % ("b", ", opening_spent: inherit")
    printed = applied(
        as_tenant, f"version: 1\nstack: s\nbudgets: {every}, a: {left}, b: {inherits}}}\n"
    )
    assert "4 spent under agent:* no longer counts" in printed
    assert "agent:b no longer counts" in printed
    assert "it starts with what it has spent there" in printed
    balances = [tenant.budgets.balance(id_of(tenant, slug)) for slug in "ab"]
    assert [balance.spent for balance in balances] == [0, 4]


def test_a_renamed_slug_says_what_it_loses(as_tenant: Run, tenant: Spendgate) -> None:
    applied(as_tenant, START)
    before = id_of(tenant, "researcher")
    tenant.record(agent="researcher", actual={"usd": 45})
    renamed = START.replace("  researcher:", "  science:")
    write(renamed)
    planned = as_tenant("plan", "--prune")
    assert "-/+ budget science" in planned.out
    assert "no longer counts: 45 spent" in planned.out
    refused = as_tenant("apply", "--yes", "--prune")
    assert (refused.code, "science needs --force" in refused.err) == (1, True)
    assert id_of(tenant, "researcher") == before, "nothing was changed"
    applied(as_tenant, renamed, "--prune", "--force")
    assert {budget.slug for budget in tenant.budgets.list()} == {"every-agent-daily", "science"}


def replaced(run: Run, tenant: Spendgate, subject: str) -> models.Budget:
    """A budget that a changed file moves to another subject; returns it as it is before."""
    text = "version: 1\nstack: s\nbudgets: {a: {subject: 'team:%s', unit: usd, limit: 5}}\n"
    applied(run, text % "before")
    write((text % "before").replace("team:before", subject))
    return tenant.budgets.retrieve(id_of(tenant, "a"))


def test_a_replacement_that_is_refused_leaves_the_budget_as_it_was(
    as_tenant: Run, tenant: Spendgate
) -> None:
    old = replaced(as_tenant, tenant, "organization:another")
    ran = as_tenant("apply", "--yes")
    assert ran.code == 1
    assert "stopped at -/+ budget a: body.subject: organization:another is not" in ran.err
    assert "budget a is as it was. 0 of 1 changes were made" in ran.err
    assert list(tenant.budgets.list()) == [old]


def test_a_replacement_whose_old_budget_cannot_be_deleted_is_taken_back(
    as_tenant: Run, tenant: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, delete = replaced(as_tenant, tenant, "team:after"), Budgets.delete

    def refusing(self: Budgets, budget_id: str, **options: Any) -> Any:
        if budget_id == old.budget_id:
            raise PermissionDeniedError("no", status_code=403)
        return delete(self, budget_id, **options)

    monkeypatch.setattr(Budgets, "delete", refusing)
    ran = as_tenant("apply", "--yes")
    assert (ran.code, "budget a is as it was" in ran.err) == (77, True)
    assert list(tenant.budgets.list()) == [old]


def test_a_replacement_that_cannot_be_completed_says_what_is_there(
    as_tenant: Run, tenant: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(as_tenant, tenant, "team:after")

    def refusing(*_: object, **__: object) -> None:
        raise PermissionDeniedError("no", status_code=403)

    with monkeypatch.context() as only_here:
        only_here.setattr(Budgets, "update", refusing)
        ran = as_tenant("apply", "--yes")
    (left,) = tenant.budgets.list()
    assert (ran.code, left.subject, left.slug) == (77, "team:after", None)
    assert f"the old budget was deleted, and the new one, {left.budget_id}" in ran.err
    assert "Plan with --adopt gives it its slug" in ran.err
    applied(as_tenant, FILE.read_text(encoding="utf-8"), "--adopt")
    assert tenant.budgets.retrieve(left.budget_id).slug == "a"

    with monkeypatch.context() as only_here:
        write(FILE.read_text(encoding="utf-8").replace("team:after", "team:last"))
        only_here.setattr(Budgets, "delete", refusing)
        ran = as_tenant("apply", "--yes")
    (new,) = (budget for budget in tenant.budgets.list() if budget.subject == "team:last")
    assert ran.code == 77
    assert f"the old budget {left.budget_id} was not deleted" in ran.err
    assert f"{new.budget_id} on team:last, was created and could not be deleted again" in ran.err


def test_a_budget_that_changed_since_the_plan_is_not_replaced(
    as_tenant: Run, tenant: Spendgate
) -> None:
    old = replaced(as_tenant, tenant, "team:after")
    assert as_tenant("plan", "--out", "saved.plan").code == 0
    tenant.budgets.update(old.budget_id, limit=6)
    ran = as_tenant("apply", "saved.plan")
    assert (ran.code, "changed: limit 5 -> 6 since the plan" in ran.err) == (1, True)
    assert [budget.budget_id for budget in tenant.budgets.list()] == [old.budget_id]


def test_pruning_touches_only_its_own_stack(as_tenant: Run, tenant: Spendgate) -> None:
    by_hand = tenant.budgets.create(subject="app:a", unit="usd", limit=1, slug="by-hand")
    other = tenant.budgets.create(
        subject="app:b", unit="usd", limit=1, slug="other", metadata={MARK: "staging"}
    )
    applied(as_tenant, START)
    left = START.replace('  every-agent-daily: {subject: "agent:*", limit: 10, period: day}\n', "")
    write(left)
    assert "kept without --prune: every-agent-daily" in as_tenant("plan").out
    tenant.record(agent="some", actual={"usd": 2})
    assert "no longer counts: 2 spent" in as_tenant("plan", "--prune").out
    assert "No changes" in as_tenant("apply", "--yes").out
    applied(as_tenant, left, "--prune", "--force")
    assert {budget.slug for budget in tenant.budgets.list()} == {
        "researcher", by_hand.slug, other.slug,
    }  # fmt: skip
    write("version: 1\nstack: production\n")
    emptied = as_tenant("plan", "--prune")
    assert (emptied.code, "names no budget" in emptied.err) == (65, True)


def test_a_budget_made_by_hand_is_taken_over_only_on_demand(
    as_tenant: Run, tenant: Spendgate
) -> None:
    period: Any = {"type": "calendar", "unit": "day"}
    made = tenant.budgets.create(subject="agent:*", unit="usd", limit=3, period=period)
    write(START)
    refused = as_tenant("apply", "--yes")
    assert (refused.code, "every-agent-daily needs --adopt" in refused.err) == (1, True)
    applied(as_tenant, START, "--adopt")
    adopted = tenant.budgets.retrieve(made.budget_id)
    assert adopted.slug == "every-agent-daily"
    assert adopted.limit == 10
    assert adopted.metadata == {MARK: "production"}


def test_of_two_applies_at_once_one_stops_with_what_changed(
    as_tenant: Run, tenant: Spendgate
) -> None:
    applied(as_tenant, START)
    for limit in (60, 70):
        write(START.replace("limit: 50", f"limit: {limit}"))
        assert as_tenant("plan", "--out", f"{limit}.plan").code == 0
    assert as_tenant("apply", "60.plan").code == 0
    second = as_tenant("apply", "70.plan")
    assert second.code == 1
    assert "budget researcher changed: limit 50 -> 60 since the plan" in second.err
    assert "0 of 1 changes were made" in second.err
    assert tenant.budgets.retrieve(id_of(tenant, "researcher")).limit == 60
    again = as_tenant("apply", "60.plan")
    assert again.code == 0, "it is as this plan would make it"


@pytest.mark.parametrize(
    ("part", "appears"),
    [
        ("budgets: {x: {subject: 'agent:x', unit: usd, limit: 1}}", "budget x"),
        ("rates: {eur/usd: {rate: 1.5}}", "rate eur/usd"),
        ("prices: {openai/gpt-4o: {input_per_million: 1, output_per_million: 1}}", "price"),
        ("token_caps: {'agent:x': {max_total_tokens: 1}}", "token_cap agent:x"),
    ],
)
def test_what_another_created_since_the_plan_is_not_overwritten(
    as_tenant: Run, tenant: Spendgate, part: str, appears: str
) -> None:
    write(f"version: 1\nstack: s\n{part}\n")
    assert as_tenant("plan", "--out", "saved.plan").code == 0
    tenant.budgets.create(subject="agent:x", unit="usd", limit=2, slug="x")
    tenant.rates.set("eur", "usd", rate="2")
    tenant.prices.set("openai", "gpt-4o", input_per_million=2, output_per_million=2)
    tenant.token_caps.set("agent:x", max_total_tokens=2)
    stopped = as_tenant("apply", "saved.plan")
    assert stopped.code == 1
    assert f"stopped: {appears}" in stopped.err
    assert "was created since the plan" in stopped.err


def test_a_saved_plan_is_for_one_tenant(
    as_tenant: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(START)
    assert as_tenant("plan", "--out", "saved.plan").code == 0
    monkeypatch.setenv("SPENDGATE_API_KEY", service.admin_key)
    refused = as_tenant("apply", "saved.plan")
    assert (refused.code, "the key for local" in refused.err) == (1, True)
    assert as_tenant("apply", str(FILE)).code == 65


def test_an_import_of_nothing_has_an_example_that_can_be_applied(as_tenant: Run) -> None:
    assert as_tenant("import", "--out", str(FILE)).code == 0
    assert as_tenant("plan", "--detailed-exitcode").code == 0
    head, comment, example = FILE.read_text(encoding="utf-8").partition("# There is no budget yet.")
    assert comment
    first, *lines = example.splitlines()
    assert first == " For example:"
    text = head + "\n".join(line.removeprefix("# ") for line in lines)
    FILE.write_text(text, encoding="utf-8")
    assert as_tenant("validate").out == f"{FILE} is valid: 2 budgets, 0 other objects.\n"
    applied(as_tenant, text)


def test_a_plan_that_is_not_there_is_named(as_tenant: Run) -> None:
    answer = as_tenant("apply", "missing.json")
    assert (answer.code, "there is no file missing.json" in answer.err) == (65, True)


def test_what_is_imported_is_adopted_without_a_change(as_tenant: Run, tenant: Spendgate) -> None:
    windows: list[Any] = [
        {"type": "none"},
        {"type": "rolling", "window": "5h"},
        {"type": "calendar", "unit": "month", "timezone": "Asia/Tokyo", "anchor": {"day": 15}},
    ]
    for period in windows:
        tenant.budgets.create(
            subject="agent:*", unit="usd", limit="10.000000001", period=period, warn_at_pct=[]
        )
    tenant.budgets.create(subject="user:Ünï/code x", unit="usd", limit=1, metadata={"n": "007"})
    tenant.rates.set("eur", "usd", rate="1.080000001")
    tenant.prices.set("openai", "mine", input_per_million="0.1", output_per_million=2)
    tenant.token_caps.set("agent:x", max_total_tokens=2)
    fallbacks = ["openai/gpt-4o-mini", "google/gemini-2.5-flash"]
    tenant.tenant.update(default_agent="nightly", fallback_models=fallbacks)
    printed = as_tenant("import", "--stack", "mine")
    assert printed.code == 0
    document = YAML(typ="safe").load(printed.out)
    assert document["tenant"] == {"default_agent": "nightly", "fallback_models": fallbacks}
    assert document["token_caps"] == {"agent:x": {"max_total_tokens": 2}}
    assert list(document["budgets"]) == [
        "agent-every-usd-none", "agent-every-usd-rolling", "agent-every-usd-month",
        "user-n-code-x-usd-none",
    ]  # fmt: skip
    assert as_tenant("import", "--stack", "mine", "--out", str(FILE)).code == 0
    planned = as_tenant("plan", "--adopt", "-o", "json").json
    assert [change["action"] for change in planned["changes"]] == ["update"] * 4
    assert all(change["before"]["fields"] == change["after"] for change in planned["changes"])
    applied(as_tenant, FILE.read_text(encoding="utf-8"), "--adopt")
    assert as_tenant("import", "--out", str(FILE)).code == 1, "a file is never overwritten"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("&file\nversion: 1\nstack: *file", "3:1: stack: it contains itself"),
        ("version: 2\nstack: s", "1:1: version: Input should be 1"),
        ("version: 1", "1:1: stack: it is missing"),
        ("- 1", "1:1: write version: 1"),
        ("version: 1\nstack: s\nbudgets: {a: b: c}", "3:"),
        ("version: 1\nstack: s\nstack: t", "3:1: found duplicate key"),
        (
            "version: 1\nstack: s\nbudgets:\n  a: {subject: x, unit: usd, limit: 1}",
            "4:7: budgets.a",
        ),
        (
            "version: 1\nstack: s\nbudgets:\n  a:\n    limit: ten\n    subject: agent:x",
            "5:5: budgets.a.limit: ",
        ),
        (
            "version: 1\nstack: s\nbudgets:\n  a: {subject: 'agent:x', limit: 1}",
            "4:3: unit: there is none here and none in defaults",
        ),
        (
            "version: 1\nstack: s\ndefaults:\n  period: {type: calendar, unit: day, timezone: X/Y}",
            "4:39: defaults.period.timezone: X/Y is not",
        ),
        ("version: 1\nstack: s\nrates: {eur/usd: {rate: .inf}}", "3:19: rates.eur/usd.rate"),
        ("version: 1\nstack: s\ntypo: {}", "3:1: typo: there is no such field"),
        (
            "version: 1\nstack: s\nbudgets:\n  a: {subject: 'agent:x', unit: usd, limit: true}",
            "4:38: budgets.a.limit: write a number",
        ),
    ],
)
def test_a_mistake_has_its_line_and_column_offline(run: Run, wrong: str, message: str) -> None:
    write(wrong)
    ran = run("validate")
    assert ran.code == 65
    assert f"budgets.yaml:{message}" in ran.err


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("subject: 'team:r*1'", "4:15: budgets.a.subject: a subject's id is * alone"),
        ('subject: "team:r\\t"', "4:15: budgets.a.subject: a subject's id has no control"),
        ("soft_limit: 7", "4:3: budgets.a: soft_limit: 7 is above the limit of 5"),
        (f"name: {'n' * 101}", "4:15: budgets.a.name: "),
        (f"metadata: {{a: {'m' * 4096}}}", "4:15: budgets.a.metadata: metadata has at most"),
        ("metadata: {d: 2024-01-01}", "4:26: budgets.a.metadata.d: write a date"),
        ("metadata: {d: 2024-01-01T10:00:00Z}", "4:26: budgets.a.metadata.d: write a date"),
        ("metadata: {d: !!binary aGk=}", "4:26: budgets.a.metadata.d: write a text"),
        ("metadata: {d: !!set {x, y}}", "4:26: budgets.a.metadata.d: write a list"),
        ("metadata: {d: !own x}", "4:26: budgets.a.metadata.d: it has a tag"),
        ("metadata: {1: x}", "4:26: budgets.a.metadata.1: write the name 1 in quotes"),
        ("metadata: {d: .nan}", "4:26: budgets.a.metadata.d: NaN is no number"),
        ("metadata: {d: [1, .inf]}", "4:33: budgets.a.metadata.d.1: Infinity is no number"),
        ("metadata: {d: 1e999}", "4:26: budgets.a.metadata.d: 1E+999 is no number"),
        ('metadata: {d: "\\ud800"}', "4:26: budgets.a.metadata.d: it is no valid Unicode"),
    ],
)
def test_what_the_service_would_refuse_is_refused_offline(
    run: Run, part: str, message: str
) -> None:
    plain = {"subject": "subject: 'team:r'", "unit": "unit: usd", "limit": "limit: 5"}
    parts = [part, *(text for name, text in plain.items() if not part.startswith(name))]
    write(f"version: 1\nstack: s\nbudgets:\n  a: {{        {', '.join(parts)}}}")
    ran = run("validate")
    assert ran.code == 65
    assert f"budgets.yaml:{message}" in ran.err


def test_an_error_of_plan_is_1_with_a_detailed_exit_code(run: Run) -> None:
    assert run("plan").code == 65
    assert run("plan", "--detailed-exitcode").code == 1
    write(START)
    assert run("plan").code == 78
    assert run("plan", "--detailed-exitcode").code == 1


def test_digits_are_not_lost(as_tenant: Run, tenant: Spendgate) -> None:
    exact = "123456789012345678.123456789"
    applied(
        as_tenant,
        f"version: 1\nstack: s\nbudgets: {{a: {{subject: 'app:a', unit: u, limit: {exact}}}}}",
    )
    assert tenant.budgets.retrieve(id_of(tenant, "a")).limit == Decimal(exact)


def test_the_committed_schema_is_that_of_the_model(run: Run) -> None:
    committed = (ROOT / "docs/budgets.schema.json").read_text(encoding="utf-8")
    assert run("schema").out == committed, "run: spendgate schema > docs/budgets.schema.json"
    assert json.loads(committed) == json_schema()


@given(file=files())
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_valid_file_applied_plans_empty(
    as_admin: Run, service: Service, monkeypatch: pytest.MonkeyPatch, file: dict[str, Any]
) -> None:
    monkeypatch.setenv("SPENDGATE_API_KEY", new_tenant(service, "any"))
    document = {"version": 1, "stack": "s", **file}
    FILE.write_text(json.dumps(document, default=str, ensure_ascii=False), encoding="utf-8")
    ran = as_admin("apply", "--yes")
    assert ran.code == 0, ran.err
    planned = as_admin("plan", "--detailed-exitcode")
    assert planned.code == 0, planned.out + planned.err
