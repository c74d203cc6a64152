"""`make dead-letters`: what was put aside in the local stack, or any other of its commands."""

import os
import sys

from local.console import LocalStackError, run, words
from local.deploy import STACK_NAME
from local.emulator import EMULATOR, endpoint_url, isolate_from_aws
from local.ports import remembered_ports
from spendgate_service.dead_letters import __main__ as dead_letters


def main() -> int:
    """Run the command that operators use, against the emulator."""
    arguments = words("ARGS") or ["list"]
    isolate_from_aws()
    ports = remembered_ports()
    if ports is None or EMULATOR.process() is None:
        raise LocalStackError("Nothing is running; start it with: make up")
    os.environ["AWS_ENDPOINT_URL"] = endpoint_url(ports)
    return dead_letters.main([*arguments, "--stack", STACK_NAME])


if __name__ == "__main__":
    sys.exit(run(main))
