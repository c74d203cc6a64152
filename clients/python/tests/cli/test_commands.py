"""What the commands do and print, against the service."""

from __future__ import annotations

import csv
import io
import os
import sys
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup

from spendgate import Spendgate
from spendgate.cli import _main, printing
from spendgate.cli.code.periods import period_of
from tests.cli.conftest import Run
from tests.support.service import Account, Service


def spent_and_held(spent: str | int, held: str | int) -> tuple[Decimal, Decimal]:
    return Decimal(spent), Decimal(held)


def all_commands() -> dict[str, TyperCommand]:
    """Every command by its path."""
    found: dict[str, TyperCommand] = {}

    def walk(group: TyperGroup, path: str) -> None:
        for name, command in group.commands.items():
            here = f"{path} {name}"
            if isinstance(command, TyperGroup):
                walk(command, here)
            else:
                assert isinstance(command, TyperCommand)
                found[here] = command

    walk(_main.root(), "spendgate")
    return found


def test_the_help_of_every_command_ends_with_an_example_of_it() -> None:
    commands = all_commands()
    assert len(commands) > 20
    for path, command in commands.items():
        example = (command.epilog or "").removeprefix("Example: ")
        words = [word for word in example.split() if word not in ("--profile", "staging")]
        assert " ".join(words).startswith(path), example
        assert command.help, path


def test_a_call_by_hand(as_admin: Run, account: Account) -> None:
    who = ("--agent", account.agent)
    checked = as_admin("check", *who, "--usd", "0.5", "-o", "json")
    assert (checked.code, checked.json["allowed"]) == (0, True)
    held = as_admin("reserve", *who, "--usd", "0.5", "-o", "json").json
    assert account.usd == spent_and_held(0, "0.5")
    settled = as_admin("settle", held["reservation_id"], "--usd", "0.3")
    assert settled.code == 0
    assert "settled" in settled.out
    again = as_admin("reserve", *who, "--amount", "usd=2", "--idempotency-key", "k", "-o", "json")
    same = as_admin("reserve", *who, "--amount", "usd=2", "--idempotency-key", "k", "-o", "json")
    assert again.json["reservation_id"] == same.json["reservation_id"]
    assert as_admin("release", again.json["reservation_id"]).code == 0
    assert as_admin("record", *who, "--usd", "1.2", "--description", "by hand").code == 0
    assert account.usd == spent_and_held("1.5", 0)
    entries = as_admin("ledger", account.usd_id, "-o", "csv").out
    rows = list(csv.DictReader(io.StringIO(entries)))
    assert [row["amount"] for row in rows] == ["1.2", "0.3"]
    assert rows[0]["description"] == "by hand"
    usage = ("--model", "openai/gpt-4o", "--input-tokens", "1000", "--max-output-tokens", "10")
    priced = as_admin("reserve", *who, *usage, "-o", "json")
    assert Decimal(priced.json["amounts"]["usd"]) > 0
    assert as_admin("statements", account.usd_id).err == "No period has been closed yet.\n"


def test_a_budget_is_named_by_its_slug_too(as_tenant: Run, tenant: Spendgate) -> None:
    body = {"subject": "agent:a", "unit": "usd", "limit": "10"}
    tenant.request("PUT", "budgets", "by-slug", "mine", body=body)
    assert as_tenant("budgets", "update", "mine", "--limit", "12").code == 0
    assert as_tenant("budgets", "credit", "mine", "3").code == 0
    shown = as_tenant("budgets", "show", "mine", "-o", "json").json
    assert [shown["slug"], shown["limit"], shown["balance"]["available"]] == ["mine", "12", "15"]
    (entry,) = as_tenant("ledger", "mine", "-o", "json").json
    assert entry["kind"] == "credit"
    assert as_tenant("statements", "mine").code == 0
    assert as_tenant("budgets", "pause", "mine").code == 0
    assert as_tenant("budgets", "delete", "mine", "--yes").code == 0
    gone = as_tenant("budgets", "show", "mine")
    assert gone.code == 1
    assert gone.err.startswith("spendgate: there is no budget with the slug mine")


def test_a_refusal_exits_with_75(as_admin: Run, account: Account) -> None:
    too_much = ("--agent", account.agent, "--usd", "101")
    for command in ("check", "reserve"):
        refused = as_admin(command, *too_much)
        assert refused.code == 75, command
        assert "hint: " in refused.out + refused.err
    assert "request req-" in as_admin("reserve", *too_much).err
    explained = as_admin("explain", f"agent:{account.agent}", "--usd", "101")
    assert explained.code == 75
    assert "Refused: a call of this size would be refused now" in explained.out
    allowed = as_admin("explain", f"agent:{account.agent}")
    assert allowed.code == 0
    assert "Allowed: the smallest call would be granted now." in allowed.out


def test_every_balance_is_shown_under_a_default_too(as_tenant: Run, tenant: Spendgate) -> None:
    tenant.budgets.create(subject="agent:*", unit="usd", limit=10)
    for agent, spent in (("a", 3), ("b", 10)):
        tenant.record(agent=agent, actual={"usd": spent})
    shown = as_tenant("balance", "-o", "json").json
    assert {balance["subject"] for balance in shown} == {"agent:a", "agent:b"}
    (spent_out,) = as_tenant("balance", "--status", "exhausted", "-o", "json").json
    assert spent_out["subject"] == "agent:b"
    watched = as_tenant("watch", "--count", "1").out.splitlines()
    assert [row.split()[0] for row in watched[1:3]] == ["agent:b", "agent:a"], "the tightest first"


def test_long_holds_are_listed_and_given_back(as_admin: Run, account: Account) -> None:
    who = ("--agent", account.agent, "--usd", "3")
    long = as_admin("reserve", *who, "--ttl", "3600", "-o", "json").json["reservation_id"]
    as_admin("reserve", *who, "--ttl", "60")
    mine = ("--subject", f"agent:{account.agent}")
    (listed,) = as_admin("holds", *mine, "-o", "json").json
    assert listed["reservation_id"] == long, "a short hold ends by itself"
    assert "usd=3" in as_admin("holds", *mine).out
    assert as_admin("holds", *mine, "--older-than", "1h").err == "No long hold is open.\n"
    assert as_admin("holds", "--older-than", "soon").code == 64
    assert as_admin("release", long).code == 0
    assert as_admin("holds", *mine).out == ""


def test_more_is_asked_for_approved_denied_and_listed(
    as_tenant: Run, tenant: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = tenant.budgets.create(subject="agent:a", unit="usd", limit=1)
    caller = as_tenant("keys", "create", "--role", "caller", "--name", "agents", "-o", "json").json
    ask = ("requests", "ask", "agent:a", "0.0000005", "--reason", "A longer study")
    assert as_tenant(*ask).code == 64
    with monkeypatch.context() as as_caller:
        as_caller.setenv("SPENDGATE_API_KEY", caller["secret"])
        asked = as_tenant(*ask, "--unit", "usd", "--until", "2100-01-01T00:00:00Z", "-o", "json")
    request = asked.json
    assert (request["amount"], request["state"]) == ("0.0000005", "pending")
    assert as_tenant("requests", "list", "--state", "denied").err == "There is no such request.\n"
    listed = as_tenant("requests", "list", "--state", "pending").out.splitlines()
    assert len(listed) == 2 and "agents" in listed[1] and "A longer study" in listed[1]
    too_late = ("--until", "2020-01-01T00:00:00Z")
    assert as_tenant("requests", "approve", request["id"], *too_late).code == 1
    approved = as_tenant("requests", "approve", request["id"], "--amount", "2", "--note", "Yes")
    assert "granted        2" in approved.out
    assert tenant.budgets.balance(budget.budget_id).credits == 2
    again = as_tenant("requests", "deny", request["id"])
    assert (again.code, "request_closed" in again.err) == (1, True)
    own = as_tenant(*ask, "--budget", budget.budget_id, "-o", "json").json["id"]
    assert as_tenant("requests", "deny", own).code == 77, "never with the key that asked"
    approver = as_tenant(
        "keys", "create", "--role", "approver", "--max-amount", "1", "-o", "json"
    ).json
    monkeypatch.setenv("SPENDGATE_API_KEY", approver["secret"])
    denied = as_tenant("requests", "deny", own, "--note", "No", "-o", "json").json
    assert (denied["state"], denied["decision"]["note"]) == ("denied", "No")
    assert "decided_by" in as_tenant("requests", "show", own).out
    assert as_tenant("keys", "list").code == 77


def test_refusals_are_listed(as_tenant: Run, tenant: Spendgate) -> None:
    tenant.budgets.create(subject="agent:a", unit="usd", limit=1)
    assert as_tenant("refusals").err == "Nothing was refused.\n"
    assert as_tenant("reserve", "--agent", "a", "--usd", "2").code == 75

    (refused,) = as_tenant("refusals", "--subject", "agent:a", "-o", "json").json
    assert (refused["code"], refused["requested_max"]) == ("insufficient_quota", "2")
    assert "insufficient_quota" in as_tenant("refusals").out


def test_an_operator_creates_and_lists_tenants(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPENDGATE_URL", service.url)
    monkeypatch.setenv("SPENDGATE_API_KEY", service.operator_key)
    name = f"cli-{uuid.uuid4().hex[:8]}"
    made = run("tenants", "create", name, "--name", "Acme", "-o", "json").json
    assert made["admin_key"].startswith("sg.")
    assert name in {tenant["tenant_id"] for tenant in run("tenants", "list", "-o", "json").json}
    assert run("tenants", "create", name).code == 1
    monkeypatch.setenv("SPENDGATE_API_KEY", made["admin_key"])
    assert run("tenants", "list").code == 77


def test_keys_are_created_listed_rotated_and_revoked(as_tenant: Run) -> None:
    made = as_tenant(
        "keys", "create", "--role", "caller", "--subject", "agent:a", "-o", "json"
    ).json
    assert made["subjects"] == {"agent": "a"}
    rotated = as_tenant("keys", "rotate", made["key_id"], "-o", "json").json
    assert rotated["secret"] != made["secret"]
    listed = as_tenant("keys", "list", "-o", "json").json
    assert made["key_id"] in {key["key_id"] for key in listed}
    assert all(key.get("secret") is None for key in listed)
    assert as_tenant("keys", "revoke", made["key_id"]).code == 64
    assert as_tenant("keys", "revoke", made["key_id"], "--yes").code == 0
    assert as_tenant("keys", "revoke", made["key_id"], "--yes").code == 1


def test_notifications_are_created_tested_rotated_and_deleted(as_tenant: Run) -> None:
    create = ("notifications", "create", "--format", "webhook", "--event", "budget.exhausted")
    url = "https://example.com/hooks/0123456789-aBcD"
    made = as_tenant(*create, "--url", url, "--subject-prefix", "agent:", "-o", "json").json
    assert made["secret"].startswith("whsec_")
    assert as_tenant(*create, "--url", "http://example.com/").code == 1
    listed = as_tenant("notifications", "list").out
    assert "aBcD" in listed and url not in listed and made["secret"] not in listed
    assert as_tenant("notifications", "test", made["id"]).code == 0
    rotated = as_tenant("notifications", "rotate", made["id"], "-o", "json").json
    assert rotated["secret"] != made["secret"]
    assert as_tenant("notifications", "delete", made["id"]).code == 64
    assert as_tenant("notifications", "delete", made["id"], "--yes").code == 0
    assert as_tenant("notifications", "list").err == "There is no notification.\n"


def test_explain_names_the_tightest_budget(
    as_admin: Run, admin: Spendgate, account: Account
) -> None:
    admin.record(agent=account.agent, actual={"usd": 90})
    explained = as_admin("explain", f"agent:{account.agent}", "-o", "json").json
    assert explained["tightest"] == account.usd_id
    assert len(explained["budgets"]) == 2
    paused = as_admin("budgets", "pause", account.usd_id)
    assert "paused" in paused.out
    refused = as_admin("explain", f"agent:{account.agent}")
    assert refused.code == 75
    assert "budget_paused" in refused.out


def test_the_life_of_a_budget(as_admin: Run, account: Account) -> None:
    subject = f"agent:{account.agent}-2"
    create = ("budgets", "create", subject, "--unit", "usd", "--limit", "10")
    made = as_admin(*create, "--period", "month", "--timezone", "Europe/Paris", "-o", "json").json
    name = made["budget_id"]
    assert made["period"]["timezone"] == "Europe/Paris"
    changed = as_admin("budgets", "update", name, "--limit", "20", "--soft-limit", "15")
    assert changed.code == 0
    assert "soft_limit  15" in changed.out
    assert "month Europe/Paris" in changed.out
    credited = as_admin("budgets", "credit", name, "5", "--description", "top-up")
    assert "available  25" in credited.out
    for change, status in (
        ("pause", "paused"), ("resume", "active"), ("disable", "disabled"), ("enable", "active"),
    ):  # fmt: skip
        assert as_admin("budgets", change, name, "-o", "json").json["status"] == status
    shown = as_admin("budgets", "show", name, "-o", "json").json
    assert (shown["limit"], shown["balance"]["credits"]) == ("20", "5")
    listed = as_admin("budgets", "list", "--subject", subject)
    assert listed.out.splitlines()[1].split() == [
        name, "-", subject, "usd", "20", "month", "Europe/Paris", "active", "0", "0",
    ]  # fmt: skip
    asked = as_admin("budgets", "delete", name)
    assert asked.code == 64
    assert "--yes" in asked.err
    assert as_admin("budgets", "delete", name, "--yes").code == 0
    assert as_admin("budgets", "list", "--subject", subject).err.startswith("There is no budget")


def test_a_change_is_logged_with_who_and_why(
    as_admin: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPENDGATE_ACTOR", "ada@example.com")
    update = ("budgets", "update", account.usd_id, "--limit", "120")
    assert as_admin("--reason", "A longer study", *update).code == 0
    listed = as_admin("changes", "--object", account.usd_id)
    newest = listed.out.splitlines()[1]
    assert "ada@example.com" in newest
    assert "limit: 100 -> 120" in newest
    assert "A longer study" in newest
    assert as_admin("--reason", "\N{EURO SIGN}", *update).code == 78


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("none", {"type": "none"}),
        ("day", {"type": "calendar", "unit": "day"}),
        ("5h", {"type": "duration", "window": "5h"}),
        ("rolling:7d", {"type": "rolling", "window": "7d"}),
        ('{"type": "none"}', {"type": "none"}),
    ],
)
def test_a_period_is_written_shortly(text: str, period: dict[str, str]) -> None:
    assert period_of(text) == period


@pytest.mark.parametrize(
    ("columns", "bar"), [(80, "█████▒▒░░░"), (120, "█████▒▒░░░"), (140, "██████████▒▒▒▒▒░░░░░")]
)
def test_a_person_sees_bars_that_fit_the_terminal(
    as_admin: Run,
    admin: Spendgate,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    bar: str,
) -> None:
    monkeypatch.setattr(printing, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    admin.record(agent=account.agent, actual={"usd": 50})
    admin.reserve(agent=account.agent, amounts={"usd": 25}, heartbeat=False)
    seen = [
        as_admin("balance", f"agent:{account.agent}").out,
        as_admin("budgets", "list", "--subject", f"agent:{account.agent}").out,
        as_admin("watch", f"agent:{account.agent}", "--count", "1").out,
    ]
    for screen in seen:
        assert bar in screen
        assert max(map(len, screen.splitlines())) <= columns


def test_a_text_of_another_caller_cannot_steer_a_terminal() -> None:
    assert printing.printable("a\x1b[2Jb") == "a\N{REPLACEMENT CHARACTER}[2Jb"


def test_csv_holds_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    column = printing.Column("text", lambda text: text)
    printing.print_rows(["=1+1", "-0.5", "a"], [column], printing.Output.CSV, empty="")
    assert capsys.readouterr().out.splitlines() == ["text", "'=1+1", "-0.5", "a"]


PYTHON = sys.executable


def test_run_settles_what_it_held(as_admin: Run, account: Account) -> None:
    who = ("--agent", account.agent, "--usd", "2")
    assert as_admin("run", *who, "--", PYTHON, "-c", "raise SystemExit(3)").code == 3
    assert account.usd == spent_and_held(2, 0), "a program that fails may have spent it"
    killed = as_admin("run", *who, "--", PYTHON, "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.code == 137
    assert account.usd == spent_and_held(4, 0)


@pytest.mark.parametrize(
    "twice",
    [
        ("--agent", "a", "--amount", "usd=1", "--usd", "2"),
        ("--agent", "a", "--amount", "eur=1", "--amount", "eur=1"),
        ("--agent", "a", "--subject", "agent:b", "--usd", "2"),
        ("--subject", "team:a", "--subject", "team:b", "--usd", "2"),
    ],
)
@pytest.mark.parametrize("name", ["record", "reserve", "check"])
def test_two_values_for_one_name_are_a_mistake(
    as_admin: Run, name: str, twice: tuple[str, ...]
) -> None:
    ran = as_admin(name, *twice)
    assert ran.code == 64
    assert "there are two values for the" in " ".join(ran.err.replace("│", " ").split())


def test_an_error_names_its_field_once(as_admin: Run) -> None:
    ran = as_admin("budgets", "create", "agent:a", "--unit", "usd", "--limit", "1e30")
    assert ran.code == 1
    assert ran.err.count("body.limit:") == 1


def test_run_leaves_the_settlement_to_a_program_that_does_it(
    as_admin: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import os, spendgate\n"
        "guard = spendgate.Spendgate()\n"
        "guard.reservations.settle(os.environ['SPENDGATE_RESERVATION_ID'], actual={'usd': '0.5'})"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    who = ("--agent", account.agent, "--usd", "2")
    ran = as_admin("run", *who, "--", PYTHON, "-c", program)
    assert (ran.code, ran.err) == (0, "")
    assert account.usd == spent_and_held("0.5", 0)


def test_run_starts_nothing_that_is_refused_and_releases_what_does_not_start(
    as_admin: Run, account: Account
) -> None:
    program = ("--", PYTHON, "-c", "open('ran', 'w')")
    assert as_admin("run", "--agent", account.agent, "--usd", "101", *program).code == 75
    assert not Path("ran").exists()
    who = ("--agent", account.agent, "--usd", "2")
    missing = as_admin("run", *who, "--", "no-such-program")
    assert missing.code == 127
    assert "released" in missing.err
    Path("text").write_text("no program", encoding="utf-8")
    for found in ("/", "./text"):
        ran = as_admin("run", *who, "--", found)
        assert (ran.code, f"{found}: not executable" in ran.err) == (126, True)
    assert account.usd == spent_and_held(0, 0)


def test_run_extends_its_hold_while_the_program_runs(
    as_admin: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended = (
        "import os, time, spendgate\n"
        "guard = spendgate.Spendgate()\n"
        "name = os.environ['SPENDGATE_RESERVATION_ID']\n"
        "first = guard.reservations.retrieve(name).expires_at\n"
        "deadline = time.monotonic() + 60\n"
        "while guard.reservations.retrieve(name).expires_at == first:\n"
        "    assert time.monotonic() < deadline\n"
        "    time.sleep(0.1)"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    who = ("--agent", account.agent, "--usd", "2", "--ttl", "3")
    assert as_admin("run", *who, "--", PYTHON, "-c", extended).code == 0
