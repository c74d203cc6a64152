"""`make up`: everything a newcomer needs to talk to Spendgate, started and ready."""

import sys
import time

from local.bootstrap import StackFile, wait_for_health, write_stack_file
from local.build import build_for_this_machine
from local.console import run, say, step
from local.deploy import deploy
from local.emulator import (
    EMULATOR,
    emulator_answers,
    isolate_from_aws,
    start_emulator,
    stop_emulator,
)
from local.gateway import put_routes
from local.lock import one_at_a_time
from local.paths import ROOT, STACK_FILE
from local.ports import Ports, choose_ports, remembered_ports

INTERRUPTED = "Interrupted; what was started goes on, stop it with: make down"


def up() -> StackFile:
    """Bring the stack up, or up to date if it runs; raises LocalStackError.

    From then on this process knows no other AWS than the emulator.
    """
    isolate_from_aws()
    with one_at_a_time():
        fingerprint = build_for_this_machine()
        ports = _running() or _start()
        stack = deploy(ports, fingerprint)
        put_routes(ports, stack)
        with step("Waiting for the API's health check"):
            wait_for_health(ports)
        return write_stack_file(ports, stack)


def _running() -> Ports | None:
    ports = remembered_ports()
    if ports is None or EMULATOR.process() is None:
        return None
    if not emulator_answers(ports):
        say("The emulator runs but does not answer; starting it anew")
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
    """Run `make up` and say where everything is."""
    started = time.monotonic()
    stack = up()
    say(f"Ready in {time.monotonic() - started:.0f} s: {stack.api_url}")
    print(f"    its keys and names: {STACK_FILE.relative_to(ROOT)}")
    print(f"    its log: {EMULATOR.log.relative_to(ROOT)}")
    print("    stop it with: make down")
    return 0


if __name__ == "__main__":
    sys.exit(run(main, interrupted=INTERRUPTED))
