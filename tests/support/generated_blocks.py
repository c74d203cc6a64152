"""The generated parts of docs/testing.md: each stands between two markers."""

from tests.support.engines import ROOT

TESTING_MD = ROOT / "docs" / "testing.md"


def part(name: str) -> str:
    """What stands between the markers of that name."""
    _, begin, after = TESTING_MD.read_text(encoding="utf-8").partition(_begin(name))
    text, end, _ = after.partition(_end(name))
    assert begin and end, f"docs/testing.md has no part {name}"
    return text.strip()


def write_part(name: str, text: str) -> None:
    """Put a text between the markers of that name."""
    whole = TESTING_MD.read_text(encoding="utf-8")
    before, _, after = whole.partition(_begin(name))
    _, end, rest = after.partition(_end(name))
    TESTING_MD.write_text(f"{before}{_begin(name)}\n{text.strip()}\n{end}{rest}", "utf-8")


def _begin(name: str) -> str:
    return f"<!-- {name} begins: generated -->"


def _end(name: str) -> str:
    return f"<!-- {name} ends -->"
