"""`make invoke`: runs one function in Docker (`sam local invoke`) against the local stack.

SAM passes only the variables that the template declares, and the template does not declare the
address of an emulator. A copy of the built template does.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from local.bootstrap import StackFile
from local.build import machine_architecture
from local.console import LocalStackError, run, say, step, words
from local.emulator.account import REGION
from local.emulator.docker_proxy import reachable_from_containers
from local.paths import BUILD, ROOT, SAM
from local.processes import base_environment
from local.seed import seed_stack
from local.up import INTERRUPTED, up

_TEMPLATE = BUILD / "for-sam-local.yaml"
_VARIABLES = BUILD / "for-sam-local.json"
_ENDPOINT = "AWS_ENDPOINT_URL"


def function_of(event: Path) -> str:
    """Return the function that an event is for: `reserve-granted.json` is for ReserveFunction."""
    return event.name.partition("-")[0].removesuffix(".json").capitalize() + "Function"


def invoke(event: Path, function: str, sam_arguments: list[str]) -> int:
    """Start the stack if necessary, seed it, run the function and return SAM's exit code."""
    if not event.is_file():
        raise LocalStackError(f"There is no event {event}; the events are in events/.")
    stack = up()
    with step("Creating the objects that the sample events name"):
        seed_stack(stack)
    _declare_endpoint()
    with reachable_from_containers(stack.aws_endpoint_url) as endpoint:
        _VARIABLES.write_text(json.dumps({"Parameters": _variables(stack, endpoint)}, indent=2))
        command = [
            str(SAM.relative_to(ROOT)), "local", "invoke", function,
            "--event", str(event),
            "--template-file", str(_TEMPLATE.relative_to(ROOT)),
            "--env-vars", str(_VARIABLES.relative_to(ROOT)),
            "--parameter-overrides", f"Architecture={machine_architecture()}",
            "--region", REGION,
            *sam_arguments,
        ]  # fmt: skip
        say(shlex.join(command))
        return subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode


def _declare_endpoint() -> None:
    template: dict[str, Any] = yaml.safe_load((BUILD / "template.yaml").read_text())
    template["Globals"]["Function"]["Environment"]["Variables"][_ENDPOINT] = ""
    _TEMPLATE.write_text(yaml.safe_dump(template, sort_keys=False))


def _variables(stack: StackFile, endpoint: str) -> dict[str, str]:
    return {
        "TABLE_NAME": stack.table_name,
        "DEAD_LETTER_QUEUE_URL": stack.dead_letter_queue_url,
        "SETTLEMENT_QUEUE_URL": stack.settlement_queue_url,
        "EVENT_BUS_NAME": stack.event_bus_name,
        _ENDPOINT: endpoint,
    }


def _environment() -> dict[str, str]:
    account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return base_environment() | account | {"SAM_CLI_TELEMETRY": "0"}


def main() -> int:
    """Run `make invoke EVENT=events/... [FUNCTION=...] [SAM_ARGS=...]`."""
    named = os.environ.get("EVENT") or "events/reserve-granted.json"
    event = Path(named)
    function = os.environ.get("FUNCTION") or function_of(event)
    return invoke(event, function, words("SAM_ARGS"))


if __name__ == "__main__":
    sys.exit(run(main, interrupted=INTERRUPTED))
