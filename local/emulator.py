"""The AWS emulator (ministack): the same API calls as in the cloud, answered on this machine.

It keeps its state in memory and writes it to `.local/state` when it is asked to stop.
"""

import os
import re
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from local.console import say, step
from local.paths import API_ID_FILE, EMULATOR_STATE, LOCAL, MINISTACK_PYTHON
from local.ports import Ports
from local.processes import Program, bare_environment, base_environment, start_detached

if TYPE_CHECKING:
    from botocore.client import BaseClient

REGION = "us-east-1"
EMULATOR = Program("emulator")

# Each concurrent call of a function unpacks its code and layers here, and nobody else cleans up.
_SCRATCH = LOCAL / "tmp"
_STOP_SECONDS_MAX = 60.0  # it writes its whole state first

_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "localhost,127.0.0.1",
    "no_proxy": "localhost,127.0.0.1",
}


def endpoint_url(ports: Ports) -> str:
    """Answer where the emulated AWS listens."""
    return f"http://127.0.0.1:{ports.emulator}"


def aws_environment(ports: Ports) -> dict[str, str]:
    """Build the environment in which every AWS tool talks to the emulator and to nothing else."""
    return {**base_environment(), **_ACCOUNT, "AWS_ENDPOINT_URL": endpoint_url(ports)}


def isolate_from_aws() -> None:
    """Forget the caller's AWS account in this very process."""
    kept = base_environment()
    os.environ.clear()
    os.environ.update(kept | _ACCOUNT)


def aws_client(service: str, endpoint: str) -> "BaseClient":
    """Make a client of the emulated AWS; it never asks twice, since nothing is lost on the way."""
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # the emulator takes any
        region_name=REGION,
    )
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
    client: BaseClient = session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
    return client


def start_emulator(ports: Ports) -> None:
    """Start the emulator with the state of its last run and wait until it answers."""
    if EMULATOR.ended_by_itself():
        say("The emulator was not ended by make down; its data is as it was written last")
    with step(f"Starting the AWS emulator on port {ports.emulator}"):
        _clear_scratch()
        _SCRATCH.mkdir(parents=True)
        EMULATOR_STATE.mkdir(parents=True, exist_ok=True)
        _move_state_to(ports.emulator)
        command = [str(MINISTACK_PYTHON), "-m", "local.front"]
        arguments = [str(ports.emulator), str(ports.api), str(API_ID_FILE)]
        EMULATOR.start(command + arguments, _environment(ports))
        EMULATOR.wait_until(lambda: emulator_answers(ports), timeout_seconds=60)


def stop_emulator() -> bool:
    """Stop the emulator once it has written its state; answer whether it ran."""
    stopped = EMULATOR.stop(grace_seconds=_STOP_SECONDS_MAX)
    _clear_scratch()
    return stopped


def emulator_answers(ports: Ports) -> bool:
    """Tell whether the emulator is up."""
    try:
        with urllib.request.urlopen(
            f"{endpoint_url(ports)}/_ministack/health", timeout=2
        ) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _clear_scratch() -> None:
    """Remove what the functions' processes unpacked, without waiting for its many small files."""
    if not _SCRATCH.exists():
        return
    rubbish = _SCRATCH.with_name(f"rubbish-{time.time_ns()}")
    _SCRATCH.rename(rubbish)
    leftovers = [str(folder) for folder in LOCAL.glob("rubbish-*")]
    start_detached(["rm", "-rf", *leftovers], base_environment(), EMULATOR.log)


def _move_state_to(port: int) -> None:
    """Write this port into the state of the last run, whose queues know themselves by their URL."""
    last_port = EMULATOR_STATE / "port"
    last = last_port.read_text() if last_port.exists() else str(port)
    if last != str(port):
        for file in EMULATOR_STATE.glob("*.json"):
            moved = re.sub(rf"localhost:{last}(?!\d)", f"localhost:{port}", file.read_text())
            file.write_text(moved)
    last_port.write_text(str(port))


def _environment(ports: Ports) -> dict[str, str]:
    """Build the environment of the emulator, which hands it on to the functions inside it."""
    return {
        **bare_environment(),
        **_ACCOUNT,
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
        # Neither the servers we do not need, nor anybody's Docker.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{LOCAL}/no-docker.sock",
    }
