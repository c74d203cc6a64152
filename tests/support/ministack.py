"""The AWS emulator alone and in memory, apart from the local stack and its state."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.paths import MINISTACK_PYTHON, ROOT
from local.ports import any_free_port
from local.processes import bare_environment, listening
from tests.support import secret_scan


@contextmanager
def ministack() -> Iterator[str]:
    """Run an emulator of its own, and answer its endpoint URL."""
    port, unused_api_port = any_free_port(), any_free_port()
    with tempfile.TemporaryDirectory(prefix="spendgate-ministack-") as scratch:
        log = Path(scratch) / "log"
        command = [str(MINISTACK_PYTHON), "-m", "local.emulator.server"]
        arguments = [str(port), str(unused_api_port), str(Path(scratch) / "no-api")]
        environment = _environment(port, scratch)
        try:
            with listening(command + arguments, environment, port=port, folder=ROOT, log=log):
                yield f"http://127.0.0.1:{port}"
        finally:
            secret_scan.search("the log of an emulator", log.read_text(errors="replace"))


def _environment(port: int, scratch: str) -> dict[str, str]:
    return {
        **bare_environment(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "PERSIST_STATE": "0",
        "STATE_DIR": scratch,
        "TMPDIR": scratch,
        "LAMBDA_EXECUTOR": "local",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
    }
