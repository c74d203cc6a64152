"""A fault at any call of any operation: never past a limit, nothing lost, nothing twice.

`make test` tries the telling faults, and `make test-long` every one. What comes of each is what the
table in docs/testing.md says: `python -m tests.faults.report` writes it.
"""

import os

import pytest

from spendgate_service.api.route import Route
from spendgate_service.api.routes import ROUTES, route_at
from tests.faults.catalogue import OPERATIONS
from tests.faults.every_call import COLUMNS, TELLING, tried
from tests.faults.report import documented_rows, rows_of
from tests.support.fault_fixture import a_stage

FAULTS = COLUMNS if "SPENDGATE_ALL_FAULTS" in os.environ else TELLING


@pytest.mark.slow
@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_a_fault_at_any_call_is_answered_right_or_503_and_then_right(name: str) -> None:
    rows = rows_of(name, FAULTS)

    assert rows == documented_rows(name, FAULTS)
    outcomes = {cell.partition(",")[0] for row in rows for cell in row[2:]}
    assert outcomes <= {"ok", "503", "killed", ""}


def test_every_route_that_may_write_is_among_the_operations() -> None:
    asked: set[str] = set()

    def find(method: str, path: str) -> Route | None:
        route = route_at(method, path)
        assert route is not None
        asked.add(route.key)
        return route

    for operation in OPERATIONS:
        with a_stage() as stage, pytest.MonkeyPatch.context() as patch:
            known = operation.prepare(stage)
            patch.setattr("tests.scenarios.service.route_at", find)
            operation.act(stage, known)

    assert not {route.key for route in ROUTES if route.method != "GET"} - asked


def test_a_fault_means_the_same_by_the_client_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """One operation, every fault; `make test-long` runs all suites by boto3's client as well."""
    monkeypatch.setattr("tests.support.exact_wire.CLIENT_KIND", "boto3")
    monkeypatch.setattr("tests.faults.every_call.tried", tried.__wrapped__)
    name = OPERATIONS[0].name

    assert rows_of(name, COLUMNS) == documented_rows(name, COLUMNS)
