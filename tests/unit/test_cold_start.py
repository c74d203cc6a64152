"""What a function does before its first call: how long it takes, `make bench` says."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from local.paths import ROOT

_START = """
import gc, json, sys
collections = []
import spendgate_service
gc.callbacks.append(lambda phase, _: collections.append(phase) if phase == "start" else None)
import app
{made}
print(json.dumps({{"modules": sorted(sys.modules), "collections": len(collections)}}))
"""

FUNCTIONS = {
    "authorizer": "app.app.table",
    "check": "app.app.balances",
    "reserve": "app.app.reservations",
    "settle": "app.app.settlements; app.app.dead_letters",
    "publish": "app.app.event_bus; app.app.undelivered_events",
    "notify": "app.app.notifier; app.app.undelivered_notifications",
    "rollover": "app.app.table",
    "admin": "",
}

WITH_QUEUES_OR_BUS = {"settle", "publish", "notify"}
"""Their other clients are made here as well: a function makes each when it first needs it."""


@cache
def start(function: str, *, made: str | None = None) -> tuple[frozenset[str], int]:
    """Start a function in an interpreter of its own, as Lambda does, with all its clients.

    Or with what the statements `made` make.

    Answers which modules it has imported, and how often it has looked for garbage meanwhile.
    """
    done = subprocess.run(
        [sys.executable, "-c", _START.format(made=FUNCTIONS[function] if made is None else made)],
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "PYTHONPATH": f"{ROOT}/layers/core/python:{ROOT}/functions/{function}",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TABLE_NAME": "table",
            "EVENT_BUS_NAME": "bus",
            "DEAD_LETTER_QUEUE_URL": "queue",
            "SETTLEMENT_QUEUE_URL": "queue",
            "UNDELIVERED_EVENTS_URL": "queue",
            "NOTIFICATION_QUEUE_URL": "queue",
            "UNDELIVERED_NOTIFICATIONS_URL": "queue",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    return frozenset(said["modules"]), said["collections"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_with_its_clients_and_never_looks_for_garbage_meanwhile(
    function: str,
) -> None:
    modules, collections = start(function)
    assert ("botocore.client" in modules) == (function in WITH_QUEUES_OR_BUS)
    assert "spendgate_service.store.clients.lean" in modules
    assert "boto3" not in modules
    assert collections == 0


def test_a_settlement_waits_for_no_client_of_a_queue() -> None:
    modules, _ = start("settle", made="app.app.settlements")
    assert "botocore.exceptions" not in modules


def test_a_reservation_waits_for_no_models_but_its_own() -> None:
    modules, _ = start("reserve")
    models = {name for name in modules if name.startswith("spendgate_service.api.bodies.")}
    assert models == {
        f"spendgate_service.api.bodies.{name}"
        for name in (
            "binding",
            "body",
            "core_schema",
            "declaring",
            "fields",
            "reserving",
            "spending",
        )
    }
    assert (
        not {
            "genai_prices",
            "spendgate_service.settlements.apply",
            "spendgate_service.api.openapi.document",
        }
        & modules
    )


def test_no_function_derives_a_schema_of_responses_while_it_starts() -> None:
    for function in ("check", "reserve", "settle", "publish", "notify", "admin"):
        assert "spendgate_service.wire.json_schema" not in start(function)[0], function


def test_responses_are_declared_without_pydantic() -> None:
    wire = ROOT / "layers/core/python/spendgate_service/wire"
    declaring = sorted(path.stem for path in wire.glob("*.py") if path.stem != "json_schema")
    imports = "\n".join(f"import spendgate_service.wire.{name}" for name in declaring)

    subprocess.run(
        [sys.executable, "-c", f"{imports}\nimport sys; assert 'pydantic' not in sys.modules"],
        env={"PYTHONPATH": f"{ROOT}/layers/core/python"},
        check=True,
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_without_the_half_of_pydantic_that_derives_schemas(
    function: str,
) -> None:
    assert "pydantic" not in start(function)[0]


def test_the_authorizer_and_the_rollover_read_no_body() -> None:
    for function in ("authorizer", "rollover"):
        assert "pydantic_core" not in start(function)[0]


def test_the_authorizer_waits_for_nothing_that_changes_keys() -> None:
    modules, _ = start("authorizer")
    folders = ("spendgate_service.events", "spendgate_service.wire")
    assert not [name for name in modules if name.startswith(folders)]
