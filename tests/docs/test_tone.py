"""`make tone` finds every word that the project's plain English avoids."""

import re
from pathlib import Path

import pytest

from local.paths import ROOT
from tools.tone import AVOIDED, avoided_words, hits
from tools.wrap_prose import wrapped


@pytest.mark.parametrize("word", [*AVOIDED, "put aside", "puts aside", "put_aside"])
def test_every_avoided_word_is_found_with_its_line(word: str) -> None:
    assert list(avoided_words(f"One line.\nA line with {word.title()} in it.")) == [
        (2, word.title())
    ]


def test_a_phrase_is_found_across_a_line_break() -> None:
    assert list(avoided_words("as good\n    as new")) == [(1, "as good as")]


@pytest.mark.parametrize(
    "text", ["recommended", "untold", "toldest", "of oursourcing", "put besides"]
)
def test_a_longer_word_is_not_a_hit(text: str) -> None:
    assert not list(avoided_words(text))


def test_the_product_the_documents_and_the_template_are_searched(tmp_path: Path) -> None:
    searched = [
        "README.md", "Makefile", "template.yaml", "docs/adr/0001.md", "local/up.py",
        "layers/core/python/spendgate_service/app.py", ".github/workflows/check.yml",
    ]  # fmt: skip
    for name in [*searched, "tests/test_x.py", "layers/core/python/__pycache__/x.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("nobody")

    assert sorted(hits(tmp_path)) == sorted(f"{name}:1: nobody" for name in searched)


@pytest.mark.parametrize(
    "document",
    [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda path: path.name,
)
def test_prose_wraps_at_100_columns(document: Path) -> None:
    """Tables, code and headings may be longer, and so may what has no space to break at."""
    text = re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)

    too_long = [
        line
        for line in text.splitlines()
        if len(line) > 100 and not line.startswith(("|", "#", "  `"))
    ]
    assert not too_long, "run make wrap"


def test_prose_is_wrapped_and_everything_else_stays() -> None:
    long = "word " * 30
    text = (
        f"# {long}\n\n- {long}\n  {long}\n\n```\n{long}\n```\n| {long} |\n\nA `{long}` b {long}\n"
    )

    result = wrapped(text)

    assert result.split() == text.split()
    assert f"# {long}\n" in result
    assert f"```\n{long}\n```\n| {long} |\n" in result
    assert "`word word" in result.replace("\n", "<break>")
    assert result.splitlines()[2].startswith("- word")
    assert all(line.startswith("  word") for line in result.splitlines()[3:5])
    assert wrapped(result) == result


def test_a_comment_in_prose_is_neither_broken_nor_taken_for_a_line_of_its_own() -> None:
    text = f"<!-- above -->\n{'word ' * 19}<!-- a number --> more words"

    lines = wrapped(text).splitlines()

    assert lines == ["<!-- above -->", ("word " * 19).strip(), "<!-- a number --> more words"]
    assert wrapped("\n".join(lines)).splitlines() == lines
