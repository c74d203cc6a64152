"""The tour in CONTRIBUTING.md names paths that exist."""

import re

from local.paths import ROOT

PACKAGE = ROOT / "layers/core/python/spendgate_service"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TOUR = TEXT[TEXT.index("## Tour of the house") :]


def paths_in(text: str) -> set[str]:
    """Return what looks like a path of this repository: a name with a slash, in backticks."""
    return {
        name
        for name in re.findall(r"`([\w./-]+)`", text)
        if "/" in name and not name.startswith("/")
    }


def test_every_path_of_the_tour_exists() -> None:
    paths = paths_in(TEXT)

    missing = {name for name in paths if not ((PACKAGE / name).exists() or (ROOT / name).exists())}
    assert paths
    assert not missing


def test_the_tour_answers_the_twenty_questions() -> None:
    questions = re.findall(r"^\| (\w.*\?) \| (.*) \|$", TOUR, flags=re.MULTILINE)

    assert len(questions) >= 20
    assert all(paths_in(answer) for _, answer in questions)
