"""Builds the functions and layers with SAM, for AWS or for this machine.

`python -m local.build` builds for AWS into `.aws-sam/build`, where `sam deploy` looks.

Lambda cannot write beside a layer's modules, so without bytecode every cold start compiles them:
0.25 s of a 0.4 s import. The layers therefore contain the bytecode. Python loads it without
checking the source's date (unchecked hash), because unpacking a layer changes the dates.
"""

import compileall
import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

from local.console import LocalStackError, run, step
from local.paths import BUILD, BUILD_CACHE, LOGS, PYTHON_WITH_PIP_FOLDER, ROOT, SAM, SOURCES
from local.processes import base_environment, finished

_AWS_BUILD = ROOT / ".aws-sam" / "build"
_LAYERS = ("CoreLayer", "DepsLayer")
_FINGERPRINT = "fingerprint"


def machine_architecture() -> str:
    """Return Lambda's name of this machine's architecture."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def sources_fingerprint() -> str:
    """Return a digest of everything that a build depends on."""
    digest = hashlib.sha256(machine_architecture().encode())
    for path in sorted(_source_files()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def build_for_this_machine() -> str:
    """Build for the local stack, unless the last build has the same sources.

    Returns the fingerprint of the sources.
    """
    fingerprint = sources_fingerprint()
    stamp = BUILD / _FINGERPRINT
    if stamp.exists() and stamp.read_text() == fingerprint:
        return fingerprint
    with step("Building the functions and layers (sam build)"):
        sam_build(
            ["--build-dir", str(BUILD), "--cache-dir", str(BUILD_CACHE)],
            architecture=machine_architecture(),
            log=LOGS / "sam-build.log",
        )
        _add_bytecode(BUILD, path_in_lambda=None)
    stamp.write_text(fingerprint)
    return fingerprint


def sam_build(options: list[str], *, architecture: str, log: Path) -> None:
    """Run `sam build`. Raises LocalStackError with the end of its log."""
    environment = base_environment() | {
        "SAM_CLI_TELEMETRY": "0",
        "PATH": f"{PYTHON_WITH_PIP_FOLDER}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    parameters = ["--parameter-overrides", f"Architecture={architecture}"]
    if not finished([str(SAM), "build", *options, *parameters], environment, log):
        raise LocalStackError(
            "sam build failed. It installs layers/deps/requirements.txt with pip: a requirement"
            " that pip cannot satisfy often means that it cannot reach its package index.",
            log=log,
        )


def _add_bytecode(build: Path, *, path_in_lambda: str | None) -> None:
    for layer in _LAYERS:
        compileall.compile_dir(
            build / layer,
            quiet=2,
            workers=2,
            stripdir=str(build / layer) if path_in_lambda else None,
            prependdir=path_in_lambda,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )


def _source_files() -> Iterator[Path]:
    for source in SOURCES:
        if source.is_file():
            yield source
        for path in source.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def build_for_aws() -> None:
    """Build into `.aws-sam/build`, for the architecture in ARCHITECTURE."""
    architecture = os.environ.get("ARCHITECTURE") or "arm64"
    log = LOGS / "sam-build-aws.log"
    with step(f"Building for AWS on {architecture} (sam build)"):
        sam_build([], architecture=architecture, log=log)
        _add_bytecode(_AWS_BUILD, path_in_lambda="/opt")


def main() -> int:
    """Build for AWS, and say what is next."""
    build_for_aws()
    print(f"The build is in {_AWS_BUILD.relative_to(ROOT)}; next: docs/deploy.md")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
