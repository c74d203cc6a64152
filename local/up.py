"""`make up`: builds, starts and deploys the local stack."""

import sys
import time

from local.bootstrap import StackFile, wait_for_health, write_stack_file
from local.build import build_for_this_machine
from local.console import run, say, step
from local.deploy import deploy
from local.emulator.account import endpoint_url, isolate_from_aws
from local.emulator.api_routes import put_routes
from local.emulator.process import (
    EMULATOR,
    emulator_responds,
    start_emulator,
    stop_emulator,
)
from local.lock import one_at_a_time
from local.paths import ROOT, STACK_FILE
from local.ports import Ports, choose_ports, remembered_ports
from local.schema import require_current_state

INTERRUPTED = "Interrupted; the stack keeps running, stop it with: make down"


def up() -> StackFile:
    """Start the stack, or update it if it runs. Raises LocalStackError.

    Afterwards this process uses the emulated AWS account only.
    """
    isolate_from_aws()
    with one_at_a_time():
        fingerprint = build_for_this_machine()
        ports = _running() or _start()
        stack = deploy(ports, fingerprint)
        require_current_state(endpoint_url(ports), stack.outputs["TableName"])
        put_routes(ports, stack)
        with step("Waiting for the API's health check"):
            wait_for_health(ports)
        return write_stack_file(ports, stack)


def _running() -> Ports | None:
    ports = remembered_ports()
    if ports is None or EMULATOR.process() is None:
        return None
    if not emulator_responds(ports):
        say("The emulator runs but does not respond; restarting it")
        stop_emulator()
        return None
    say(f"Already running (process {_pid()})")
    return ports


def _start() -> Ports:
    ports = choose_ports()
    start_emulator(ports)
    return ports


def _pid() -> int:
    process = EMULATOR.process()
    return process.pid if process else 0


def main() -> int:
    """Run `make up` and print where its files are."""
    started = time.monotonic()
    stack = up()
    say(f"Ready in {time.monotonic() - started:.0f} s: {stack.api_url}")
    print(f"    console: {stack.console_url}")
    print(f"    keys and names: {STACK_FILE.relative_to(ROOT)}")
    print(f"    log: {EMULATOR.log.relative_to(ROOT)}")
    print("    stop it with: make down")
    return 0


if __name__ == "__main__":
    sys.exit(run(main, interrupted=INTERRUPTED))
