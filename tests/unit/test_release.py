"""A release: its version, its changelog, and the licences of what it has."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.console import LocalStackError
from tests.support.engines import ROOT
from tools import release
from tools.licences import IN_DEVELOPMENT, IN_THE_LAYER, findings, is_allowed
from tools.release import (
    CLIENT_VERSION,
    current_version,
    next_version,
    released_changelog,
    written_version,
)

_CHANGELOG = (
    "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n"
)


def test_the_unreleased_changes_become_those_of_the_version() -> None:
    released = released_changelog(_CHANGELOG, "0.2.0", "2026-02-01")

    assert released == _CHANGELOG.replace(
        "## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-02-01\n"
    )


def test_a_release_without_changes_or_of_a_version_that_there_is_fails() -> None:
    empty = _CHANGELOG.replace("### Added\n\n- A thing.\n\n", "")

    with pytest.raises(LocalStackError, match="no changes"):
        released_changelog(empty, "0.2.0", "2026-02-01")
    with pytest.raises(LocalStackError, match=r"already has 0\.1\.0"):
        released_changelog(_CHANGELOG, "0.1.0", "2026-02-01")


@pytest.mark.parametrize("asked", ["1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "0.0.9"])
def test_a_version_is_three_numbers_and_not_below_the_last(asked: str) -> None:
    assert next_version("", "0.1.0") == "0.1.0"
    assert next_version("0.10.0", "0.9.0") == "0.10.0"
    with pytest.raises(LocalStackError):
        next_version(asked, "0.1.0")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of the files that a release changes, with a first commit."""
    for name in ("CHANGELOG", "PYPROJECT", "CLIENT_VERSION"):
        path = getattr(release, name)
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(release, name, copy)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "start")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    command = ["git", *identity, *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_release_is_committed_and_tagged_once_it_is_built(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "A")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "a@example.com")
    with written_version("9.8.7", "# Changelog\n"):
        assert current_version() == "9.8.7"
        assert git(checkout, "tag") == ""

    assert git(checkout, "tag") == "v9.8.7\n"
    assert git(checkout, "status", "--porcelain") == ""


def test_a_release_that_cannot_be_built_leaves_everything_as_it_was(checkout: Path) -> None:
    with pytest.raises(ZeroDivisionError), written_version("9.8.7", "# Changelog\n"):
        raise ZeroDivisionError

    assert git(checkout, "status", "--porcelain") == git(checkout, "tag") == ""
    assert git(checkout, "log", "--format=%s") == "start\n"


def test_a_release_wants_a_clean_checkout(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text("mine")

    with (
        pytest.raises(LocalStackError, match="undo your changes"),
        written_version("9.8.7", "# Changelog\n"),
    ):
        pytest.fail("it went on")


def test_the_service_and_the_client_have_one_version() -> None:
    assert f'__version__ = "{current_version()}"' in CLIENT_VERSION.read_text(encoding="utf-8")


def test_the_changelog_can_be_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "## [99.0.0]" in released_changelog(text, "99.0.0", "2026-02-01")


@pytest.mark.parametrize(
    ("licence", "in_the_layer", "in_development"),
    [
        ("MIT", True, True),
        ("MIT OR GPL-3.0-only", True, True),
        ("Apache-2.0 AND GPL-2.0-only", False, True),
        ("Apache-2.0 WITH LLVM-exception", True, True),
        ("MPL-2.0", False, True),
        ("AGPL-3.0-only", False, False),
        ("none stated", False, False),
    ],
)
def test_a_licence_is_allowed_by_its_list(
    licence: str, in_the_layer: bool, in_development: bool
) -> None:
    assert is_allowed(licence, IN_THE_LAYER) is in_the_layer
    assert is_allowed(licence, IN_DEVELOPMENT) is in_development


def test_a_package_without_an_allowed_licence_is_found() -> None:
    def package(name: str, *licences: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "version": "1", "licenses": list(licences)}

    document = {
        "components": [
            package("good", {"license": {"id": "MIT"}}),
            package("named", {"license": {"name": "License :: OSI Approved :: BSD License"}}),
            package("either", {"expression": "AGPL-3.0-only OR MIT"}),
            package("bad", {"license": {"id": "AGPL-3.0-only"}}),
            package("silent"),
        ]
    }

    assert list(findings(document, IN_THE_LAYER)) == [
        "bad 1: AGPL-3.0-only",
        "silent 1: none stated",
    ]
