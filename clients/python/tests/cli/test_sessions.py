"""Which service a command talks to, and how it fails."""

from __future__ import annotations

import io
import stat
import subprocess
import sys

import pytest

from spendgate.cli import profiles
from spendgate.cli.profiles import Profile
from tests.cli.conftest import Run
from tests.support.service import ROOT, Service


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_login_saves_a_profile_that_only_its_owner_can_read(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, service.caller_key + "\n")
    saved = run("login", "--url", service.url)
    assert saved.code == 0, saved.err
    assert "caller of local" in saved.out
    assert stat.S_IMODE(profiles.path().stat().st_mode) == 0o600
    assert service.caller_key not in saved.out + saved.err
    shown = run("whoami", "-o", "json")
    assert shown.json["role"] == "caller"

    type_in(monkeypatch, service.admin_key + "\n")
    assert run("login", "--url", service.url, "--profile", "staging").code == 0
    assert "admin" in run("--profile", "staging", "whoami").out
    assert "caller" in run("whoami").out, "the other profile stays"
    assert run("--profile", "staging", "logout").code == 0
    gone = run("--profile", "staging", "whoami")
    assert gone.code == 78
    assert "no profile staging (known: default)" in gone.err


def test_a_wrong_key_is_not_saved(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "sg.local.key_none.wrong\n")
    refused = run("login", "--url", service.url)
    assert refused.code == 77
    assert not profiles.path().exists()


def test_the_environment_and_a_profile_are_never_mixed(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.save(Profile("default", "http://127.0.0.1:9", "sg.a.b.c"))
    monkeypatch.setenv("SPENDGATE_API_KEY", service.admin_key)
    mixed = run("whoami")
    assert mixed.code == 78
    assert "SPENDGATE_URL" in mixed.err
    monkeypatch.setenv("SPENDGATE_URL", service.url)
    assert "(environment)" in run("whoami").out
    profiles.save(Profile("other", service.url, service.caller_key))
    assert "caller" in run("--profile", "other", "whoami").out, "what is named explicitly counts"


def test_a_key_is_asked_for_once(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return service.caller_key

    monkeypatch.setenv("SPENDGATE_URL", service.url)
    type_in(monkeypatch, "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", answer)
    assert "caller" in run("whoami").out
    assert asked == [f"API key for {service.url}: "]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 64, ""),
        (("budgets",), 64, ""),
        (("frobnicate",), 64, "No such command"),
        (("budgets", "create", "agent:a"), 64, "--unit"),
        (("budgets", "show", "bud_none"), 1, "not_found, request req-"),
        (("check", "--subject", "agent"), 64, "write type:id"),
        (("check", "--subject", "usage:a", "--usd", "1"), 64, "cannot be the type"),
        (("check", "--agent", "a", "--amount", "usd"), 64, "unit=number"),
        (("check", "--agent", "a", "--usd", "NaN"), 64, "no number"),
        (("check", "--agent", "a", "--model", "gpt-4o"), 64, "provider/model"),
        (("reserve", "--agent", "a", "--input-tokens", "3"), 64, "--model"),
        (("budgets", "update", "bud_1"), 64, "at least one field"),
        (("budgets", "create", "agent:a", "--unit", "usd", "--limit", "-1"), 1, "limit: "),
        (("--profile", "none", "whoami"), 78, "no profile none (known: none)"),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(
    as_admin: Run, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ran = as_admin(*arguments)
    assert (ran.code, says in ran.err) == (code, True), ran.err
    assert len(ran.err.splitlines()) <= 1


def test_without_a_service_it_says_what_to_do(run: Run) -> None:
    ran = run("whoami")
    assert ran.code == 78
    assert "spendgate login" in ran.err


def test_a_service_that_is_down_is_another_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spendgate._retry.delay_seconds", lambda *_: 0)
    monkeypatch.setenv("SPENDGATE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SPENDGATE_API_KEY", "sg.a.b.c")
    ran = run("whoami")
    assert ran.code == 69
    assert "cannot be reached" in ran.err


def test_importing_the_client_imports_nothing_of_the_command_line() -> None:
    program = (
        "import sys, spendgate\n"
        "assert not {'rich', 'typer', 'ruamel', 'spendgate.cli'} & set(sys.modules)"
    )
    source = str(ROOT / "clients/python/src")
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": source}, check=True)


def test_without_the_extra_it_says_what_to_install() -> None:
    program = (
        "import sys\nsys.modules['typer'] = None\nfrom spendgate.cli import main\nsys.exit(main())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "clients/python/src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 78
    assert "pip install 'spendgate[cli]'" in ran.stderr
