"""Starts and stops the AWS emulator (ministack).

The emulator keeps its state in memory and writes it to `.local/state` when it stops.
"""

import json
import re
import shutil
import time
import urllib.error
import urllib.request

from local.console import LocalStackError, say, step
from local.emulator.account import FAKE_ACCOUNT, REGION, endpoint_url
from local.paths import API_ID_FILE, EMULATOR_STATE, LOCAL, MINISTACK_PYTHON
from local.ports import Ports
from local.processes import Program, bare_environment, base_environment, start_detached
from spendgate_service.settings import LOCAL_RECEIVERS

EMULATOR = Program("emulator", "local.emulator.server")

# Each concurrent invocation unpacks its code and layers here, and the emulator never removes them.
_SCRATCH = LOCAL / "tmp"
SAVED_FILE = EMULATOR_STATE / "saved"
"""Written by the emulator after it has saved the state of every service."""

_STOP_SECONDS_MAX = 60.0  # the emulator writes its whole state before it exits


def start_emulator(ports: Ports) -> None:
    """Start the emulator with the state of its last run and wait until it responds."""
    if EMULATOR.ended_by_itself():
        say("The emulator was not stopped by make down; its data is from the last clean stop")
    check_saved_state()
    with step(f"Starting the AWS emulator on port {ports.emulator}"):
        _clear_scratch()
        _SCRATCH.mkdir(parents=True)
        EMULATOR_STATE.mkdir(parents=True, exist_ok=True)
        _move_state_to(ports.emulator)
        command = [str(MINISTACK_PYTHON), "-m", "local.emulator.server"]
        arguments = [str(ports.emulator), str(ports.api), str(API_ID_FILE), str(SAVED_FILE)]
        EMULATOR.start(command + arguments, _environment(ports))
        EMULATOR.wait_until(lambda: emulator_responds(ports), timeout_seconds=60)


def stop_emulator() -> bool:
    """Stop the emulator after it has written its state; return whether it was running.

    Raises LocalStackError if the emulator could not write all of its state.
    """
    SAVED_FILE.unlink(missing_ok=True)
    stopped = EMULATOR.stop(grace_seconds=_STOP_SECONDS_MAX)
    _clear_scratch()
    if stopped and not SAVED_FILE.exists():
        free = shutil.disk_usage(LOCAL).free // 2**20
        raise LocalStackError(
            "The emulator stopped, but could not write its state: what happened since the last "
            f"clean stop is lost. {free} MB are free on the disk of {LOCAL}.",
            log=EMULATOR.log,
        )
    return stopped


def check_saved_state() -> None:
    """Raise LocalStackError for a file of the saved state that is cut short or not JSON.

    The emulator would start without that file's data, and overwrite it when it stops.
    """
    for file in sorted(EMULATOR_STATE.glob("*.json")):
        try:
            json.loads(file.read_text())
        except ValueError as error:
            raise LocalStackError(
                f"{file} is damaged ({error}). Restore it from a copy, or start with empty data: "
                "make clean"
            ) from None


def emulator_responds(ports: Ports) -> bool:
    """Return whether the emulator is up."""
    try:
        with urllib.request.urlopen(
            f"{endpoint_url(ports)}/_ministack/health", timeout=2
        ) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _clear_scratch() -> None:
    """Remove the unpacked functions and layers, in a background process."""
    if not _SCRATCH.exists():
        return
    renamed = _SCRATCH.with_name(f"rubbish-{time.time_ns()}")
    _SCRATCH.rename(renamed)
    leftovers = [str(folder) for folder in LOCAL.glob("rubbish-*")]
    start_detached(["rm", "-rf", *leftovers], base_environment(), EMULATOR.log)


def _move_state_to(port: int) -> None:
    """Write this port into the saved state, because the state of a queue contains its URL."""
    last_port = EMULATOR_STATE / "port"
    last = last_port.read_text() if last_port.exists() else str(port)
    if last != str(port):
        for file in EMULATOR_STATE.glob("*.json"):
            moved = re.sub(rf"localhost:{last}(?!\d)", f"localhost:{port}", file.read_text())
            file.write_text(moved)
    last_port.write_text(str(port))


def _environment(ports: Ports) -> dict[str, str]:
    """Return the environment of the emulator and of the functions that it runs."""
    return {
        **bare_environment(),
        **FAKE_ACCOUNT,
        "MINISTACK_REGION": REGION,
        "GATEWAY_PORT": str(ports.emulator),
        "BIND_HOST": "127.0.0.1",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(EMULATOR_STATE),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(EMULATOR_STATE / "s3"),
        "TMPDIR": str(_SCRATCH),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "3600",
        "LOG_LEVEL": "INFO",
        LOCAL_RECEIVERS: "1",  # functions inherit it
        # Disable the servers that Spendgate does not need, and any Docker on this machine.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{LOCAL}/no-docker.sock",
    }
