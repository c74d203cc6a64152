"""`doctor` and `admin`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from spendgate.cli import aws, profiles
from spendgate.cli.commands import doctor
from spendgate.cli.profiles import Profile
from tests.cli.conftest import Run
from tests.support.service import Service


def states(run: Run, *arguments: str) -> dict[str, str]:
    found = run("doctor", *arguments, "-o", "json").json
    return {finding["check"]: finding["state"] for finding in found}


def test_everything_is_in_order(as_admin: Run) -> None:
    assert states(as_admin) == {
        "configuration": "ok",
        "service": "ok",
        "clock": "ok",
        "key": "ok",
        "versions": "ok",
        "AWS": "skipped",
    }
    assert as_admin("doctor").code == 0


def test_what_is_wrong_comes_with_what_to_do(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.save(Profile("default", service.url, "sg.local.key_none.wrong"))
    profiles.path().chmod(0o644)
    wrong = run("doctor")
    assert wrong.code == 1
    assert "chmod 600" in wrong.out
    assert "spendgate login" in wrong.out
    monkeypatch.setattr("spendgate._retry.delay_seconds", lambda *_: 0)
    profiles.save(Profile("default", "http://127.0.0.1:9", "sg.a.b.c"))
    assert states(run) == {"configuration": "ok", "service": "error"}


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("Mon, 02 Mar 2020 12:00:00 GMT", "warning"),
        (None, "skipped"),
    ],
)
def test_a_clock_that_is_wrong_is_found(date: str | None, state: str) -> None:
    assert doctor._clock(date, 0.1).state == state


class FakeAws:
    """The few calls that doctor makes, and what they answer."""

    def __init__(self, *, waiting: int, ringing: list[str]) -> None:
        self.waiting, self.ringing = waiting, ringing

    def client(self, _name: str) -> FakeAws:
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        outputs = {"prod": [{"OutputKey": "DeadLetterQueueUrl", "OutputValue": "url"}]}
        return {"Stacks": [{"Outputs": outputs.get(StackName, [])}]}

    def get_queue_attributes(self, **_asked: object) -> Any:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.waiting)}}

    def get_paginator(self, _name: str) -> FakeAws:
        return self

    def paginate(self, **asked: object) -> Any:
        assert asked == {"AlarmNamePrefix": "prod-", "StateValue": "ALARM"}
        return [{"MetricAlarms": [{"AlarmName": name} for name in self.ringing]}]


@pytest.mark.parametrize(
    ("waiting", "ringing", "expected"), [(0, [], "ok"), (3, ["prod-5xx"], "warning")]
)
def test_dead_letters_and_alarms_are_seen(
    monkeypatch: pytest.MonkeyPatch, waiting: int, ringing: list[str], expected: str
) -> None:
    boto3: Any = ModuleType("boto3")
    boto3.client = FakeAws(waiting=waiting, ringing=ringing).client
    errors: Any = ModuleType("botocore.exceptions")
    errors.BotoCoreError = errors.ClientError = LookupError
    monkeypatch.setattr(aws, "find_spec", lambda _name: True)
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", errors)
    assert [finding.state for finding in aws.findings("prod")] == [expected, expected]
    assert [finding.state for finding in aws.findings("none")] == ["error"]


def test_admin_says_what_is_missing(run: Run) -> None:
    ran = run("admin", "operator-key", "--table", "t")
    assert ran.code == 78
    assert "spendgate_service cannot be imported" in ran.err


def test_admin_passes_its_arguments_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[list[str]] = []
    service: Any = ModuleType("spendgate_service.tenants.__main__")

    def main(arguments: list[str]) -> int:
        passed.append(arguments)
        return 3

    service.main = main
    monkeypatch.setitem(sys.modules, "spendgate_service.tenants.__main__", service)
    monkeypatch.setattr("spendgate.cli.commands.admin.find_spec", lambda _name: True)
    assert run("admin", "tenant-key", "--table", "t", "--tenant", "x").code == 3
    assert passed == [["tenant-key", "--table", "t", "--tenant", "x"]]
