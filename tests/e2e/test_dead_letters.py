"""A poison message reaches the dead-letter queue, is shown with its reason, and is sent back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from local.bootstrap import StackFile
from local.emulator.account import aws_environment
from local.paths import ROOT
from local.ports import remembered_ports
from tests.e2e.client import Queues, Tenant, eventually, new_name

type Command = Callable[..., Any]


@pytest.fixture
def dead_letters(stack: StackFile) -> Command:
    """The command that operators use, as they start it; its answer in JSON."""
    ports = remembered_ports()
    assert ports is not None and stack.aws_endpoint_url
    environment = {
        **aws_environment(ports),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers/core/python"),
    }

    def run(*arguments: str) -> Any:
        command = [sys.executable, "-m", "spendgate_service.dead_letters", *arguments, "--json"]
        ran = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return json.loads(ran.stdout)

    return run


def test_poison_is_shown_with_its_reason_and_comes_back_when_it_is_sent_back(
    tenant: Tenant, queues: Queues, dead_letters: Command
) -> None:
    reservation_id = new_name("poison")
    body = json.dumps(
        {
            "version": 1,
            "type": "release",
            "tenant_id": tenant.tenant_id,
            "reservation_id": reservation_id,
        }
    )

    def shown() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = dead_letters("list", "--reason", reservation_id)
        return found

    queues.send(body)
    [first] = eventually(shown, lambda letters: len(letters) == 1)

    assert first["body"] == body
    assert (first["code"], first["tenant_id"]) == ("not_found", tenant.tenant_id)
    assert reservation_id in first["reason"]

    done = dead_letters("redrive", "--id", first["message_id"])
    assert done["redriven"] == [first["message_id"]]

    [again] = eventually(shown, lambda letters: len(letters) == 1)
    assert again["message_id"] != first["message_id"]
    assert (again["body"], again["code"]) == (body, "not_found")
    queues.take_dead(body)
