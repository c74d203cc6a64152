"""The command line, run in this process against the service of the tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spendgate import Spendgate
from spendgate.cli import _main
from tests.support.service import Service, new_tenant


@dataclass(frozen=True)
class Ran:
    """What a command printed and exited with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without a profile, in an empty directory."""
    for name in ("SPENDGATE_URL", "SPENDGATE_API_KEY", "SPENDGATE_PROFILE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPENDGATE_CONFIG", str(tmp_path / "config" / "profiles.ini"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as that user."""
    assert home == Path.cwd()

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = _main.run(arguments)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def tenant(service: Service) -> Iterator[Spendgate]:
    """The admin of a new tenant."""
    with Spendgate(url=service.url, api_key=new_tenant(service, "code"), timeout=60) as admin:
        yield admin


@pytest.fixture
def as_tenant(
    run: Run, service: Service, tenant: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run a command as the admin of the new tenant."""
    monkeypatch.setenv("SPENDGATE_URL", service.url)
    monkeypatch.setenv("SPENDGATE_API_KEY", tenant._settings.api_key)
    return run


@pytest.fixture
def as_admin(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with the admin's key in the environment."""
    monkeypatch.setenv("SPENDGATE_URL", service.url)
    monkeypatch.setenv("SPENDGATE_API_KEY", service.admin_key)
    return run
