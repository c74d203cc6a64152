"""`make release VERSION=1.2.3`: prepares a release in `dist`; PUBLISH=1 also commits and tags it.

Without PUBLISH nothing outside `dist` changes, so that a workflow runs it for every change. `dist`
then has:

- `spendgate-service-VERSION.zip`: the template and the built functions and layers, for `sam deploy
  --template-file template.yaml` in the unpacked folder;
- the client's wheel and source distribution;
- the bills of materials of `make sbom`, and `SHA256SUMS` of all files.

The commit gives the version to `pyproject.toml` and the client, and names the changes under
`Unreleased` in the changelog.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from local.build import build_for_aws
from local.console import LocalStackError, run, say
from local.paths import ROOT, VENVS

DIST = ROOT / "dist"
CHANGELOG = ROOT / "CHANGELOG.md"
PYPROJECT = ROOT / "pyproject.toml"
CLIENT = ROOT / "clients" / "python"
CLIENT_VERSION = CLIENT / "src" / "spendgate" / "_version.py"
_BUILD = ROOT / ".aws-sam" / "build"
_VERSION = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}")
_UNRELEASED = "## [Unreleased]\n"
_IN_PYPROJECT = re.compile(r'^version = "(.*)"$', re.MULTILINE)
_IN_CLIENT = re.compile(r'(?<=__version__ = ")[^"]*(?=")')


def current_version() -> str:
    """Return the version in pyproject.toml."""
    found = _IN_PYPROJECT.search(PYPROJECT.read_text(encoding="utf-8"))
    assert found is not None, "pyproject.toml has a version"
    return found[1]


def released_changelog(text: str, version: str, day: str) -> str:
    """Put the unreleased changes under a version. Raises LocalStackError if there are none."""
    before, heading, after = text.partition(_UNRELEASED)
    changes = after.partition("\n## [")[0].strip()
    if not heading or not changes:
        raise LocalStackError("CHANGELOG.md has no changes under [Unreleased]")
    if f"## [{version}]" in text:
        raise LocalStackError(f"CHANGELOG.md already has {version}")
    return f"{before}{heading}\n## [{version}] - {day}\n{after}"


def next_version(asked: str, current: str) -> str:
    """Return the version to release: the asked one, or the current one for a trial."""
    version = asked or current
    if not _VERSION.fullmatch(version):
        raise LocalStackError(f"VERSION={version}: write three numbers, such as 1.2.3")
    if asked and _parts(asked) < _parts(current):
        raise LocalStackError(f"VERSION={asked} is below the current version {current}")
    return version


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def package(version: str) -> Path:
    """Build for AWS and pack the template with its code."""
    build_for_aws()
    archive = shutil.make_archive(str(DIST / f"spendgate-service-{version}"), "zip", _BUILD)
    return Path(archive)


def build_client(version: str) -> None:
    """Build the client's wheel and source distribution from a copy with that version."""
    copy = DIST / "client-source"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(CLIENT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    target = copy / CLIENT_VERSION.relative_to(CLIENT)
    target.write_text(_IN_CLIENT.sub(version, target.read_text(encoding="utf-8")))
    uv = VENVS / "uv" / "bin" / "uv"
    _command(str(uv), "build", "--quiet", "--out-dir", str(DIST), str(copy))
    shutil.rmtree(copy)


def write_checksums() -> None:
    """Write SHA256SUMS of every file in dist."""
    files = sorted(path for path in DIST.iterdir() if path.is_file() and path.name[0] != ".")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in files
        if path.name != "SHA256SUMS"
    ]
    (DIST / "SHA256SUMS").write_text("".join(lines))


@contextmanager
def written_version(version: str, changelog: str) -> Iterator[None]:
    """Write the version and the changelog; commit and tag them if what is done in it succeeds.

    If it fails, the files are as before. Pushing is left to a person.
    """
    if _command("git", "status", "--porcelain", "--untracked-files=no"):
        raise LocalStackError("commit or undo your changes first")
    before = {path: path.read_text(encoding="utf-8") for path in (PYPROJECT, CLIENT_VERSION)}
    after = {
        CHANGELOG: changelog,
        PYPROJECT: _IN_PYPROJECT.sub(f'version = "{version}"', before[PYPROJECT], count=1),
        CLIENT_VERSION: _IN_CLIENT.sub(version, before[CLIENT_VERSION]),
    }
    for path, text in after.items():
        path.write_text(text, encoding="utf-8")
    try:
        yield
    except BaseException:
        _command("git", "checkout", "--quiet", "--", *map(str, after))
        raise
    _command("git", "commit", "--quiet", "--all", "--message", f"release: {version}")
    _command("git", "tag", "--annotate", f"v{version}", "--message", f"Spendgate {version}")


def _command(*words: str) -> str:
    done = subprocess.run(  # noqa: S603  # the words are those of this module
        words, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalStackError(f"{' '.join(words[:3])} failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip()


def main() -> int:
    """Prepare the release, and publish it if asked."""
    version = next_version(os.environ.get("VERSION", ""), current_version())
    text = CHANGELOG.read_text(encoding="utf-8")
    changelog = released_changelog(text, version, f"{datetime.now(UTC):%Y-%m-%d}")
    publishing = os.environ.get("PUBLISH") == "1"
    with written_version(version, changelog) if publishing else nullcontext():
        archive = package(version)
        build_client(version)
        write_checksums()
    for line in (DIST / "SHA256SUMS").read_text().splitlines():
        print(f"    {line.partition('  ')[2]}")
    say(f"{archive.name} is ready" + ("" if publishing else "; a dry run, nothing was committed"))
    if publishing:
        print(f"    git push --follow-tags     # publishes v{version}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main, interrupted="Interrupted"))
