"""`make dead-letters`: lists, shows or redrives the local stack's dead letters."""

import os
import sys

from local.console import LocalStackError, run, words
from local.deploy import STACK_NAME
from local.emulator.account import endpoint_url, isolate_from_aws
from local.emulator.process import EMULATOR
from local.ports import remembered_ports
from spendgate_service.dead_letters import __main__ as dead_letters


def main() -> int:
    """Run `spendgate_service.dead_letters` against the emulator."""
    arguments = words("ARGS") or ["list"]
    isolate_from_aws()
    ports = remembered_ports()
    if ports is None or EMULATOR.process() is None:
        raise LocalStackError("Nothing is running; start it with: make up")
    os.environ["AWS_ENDPOINT_URL"] = endpoint_url(ports)
    return dead_letters.main([*arguments, "--stack", STACK_NAME])


if __name__ == "__main__":
    sys.exit(run(main))
