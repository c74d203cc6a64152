"""`make wrap`: wraps the prose of the documents at 100 columns.

Code, tables, headings and comments stay as they are; no code span or comment is broken.
"""

import re
import sys
from collections.abc import Iterator
from textwrap import wrap

from local.paths import ROOT

COLUMNS = 100
DOCUMENTS = ("*.md", "docs/**/*.md", "tools/*.md.in", "bench/*.md.in")
GENERATED = {"api.md", "cost.md"}

_ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+")
_INDENT = re.compile(r"\s*")
_COMMENT = re.compile(r"<!--.*?-->")
_UNBROKEN = re.compile(rf"`[^`]*`|{_COMMENT.pattern}")
_UNBREAKABLE = "\N{NO-BREAK SPACE}"


def wrapped(text: str) -> str:
    """Return a Markdown text with wrapped paragraphs and list items."""
    return "\n".join(_lines(text))


def _lines(text: str) -> Iterator[str]:
    paragraph: list[str] = []
    is_code = False
    for line in text.split("\n"):
        is_fence = line.lstrip().startswith("```")
        is_comment = _COMMENT.fullmatch(line) is not None
        is_prose = bool(line.strip()) and not line.startswith(("|", "#")) and not is_comment
        if is_code or is_fence or not is_prose or _ITEM.match(line):
            yield from _paragraph(paragraph)
            paragraph = []
        if is_fence:
            is_code = not is_code
        if is_prose and not is_fence and not is_code:
            paragraph.append(line)
        else:
            yield line
    yield from _paragraph(paragraph)


def _paragraph(lines: list[str]) -> list[str]:
    if not lines:
        return []
    item = _ITEM.match(lines[0])
    lead = item[0] if item else _INDENT.match(lines[0])[0]  # type: ignore[index]
    text = " ".join(line.strip() for line in lines).removeprefix(lead.strip()).strip()
    kept = _UNBROKEN.sub(lambda span: span[0].replace(" ", _UNBREAKABLE), text)
    broken = wrap(
        kept,
        COLUMNS,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_UNBREAKABLE, " ") for line in broken]


def main() -> int:
    """Wrap every document."""
    for pattern in DOCUMENTS:
        for path in ROOT.glob(pattern):
            if path.name in GENERATED:
                continue
            text = path.read_text(encoding="utf-8")
            if (new := wrapped(text)) != text:
                path.write_text(new, encoding="utf-8")
                print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
