"""`make tone`: finds words that the project's plain English avoids.

Prints `path:line: word` for each hit in the product, the documents and the template, and exits with
1 if there is one. Tests are not searched.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from local.paths import ROOT

SEARCHED = (
    "*.md", "Makefile", "pyproject.toml", "samconfig.toml", "template.yaml",
    ".pre-commit-config.yaml", ".github/**/*", "bench/**/*", "clients/**/*", "console/**/*",
    "docs/**/*", "functions/**/*", "layers/core/**/*", "local/**/*", "tools/**/*",
)  # fmt: skip
SUFFIXES = {
    "", ".css", ".html", ".in", ".js", ".json", ".md", ".mk", ".py", ".sh", ".toml", ".yaml",
    ".yml",
}  # fmt: skip
SKIPPED_FOLDERS = {"__pycache__", "node_modules", "dist"}

AVOIDED = (
    "nobody", "somebody", "whoever", "whatever", "told", "as good as", "of ours", "mend",
    "for want of",
)  # fmt: skip
_WORDS = re.compile(
    r"(?<![A-Za-z])("
    + "|".join([*AVOIDED, r"puts?[ _]aside"]).replace(" ", r"\s+")
    + r")(?![A-Za-z])",
    re.IGNORECASE,
)


def avoided_words(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and the word of each hit in a text."""
    for found in _WORDS.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, " ".join(found[0].split())


def searched_files(root: Path) -> Iterator[Path]:
    """Yield every file of the product, the documents and the template."""
    for pattern in SEARCHED:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and path.suffix in SUFFIXES and not _is_skipped(path, root):
                yield path


def _is_skipped(path: Path, root: Path) -> bool:
    """Return whether a file is this list of words, or in a folder of a tool (a cache, a build)."""
    folders = path.relative_to(root).parent.parts
    hidden = any(folder.startswith(".") and folder != ".github" for folder in folders)
    return hidden or bool(SKIPPED_FOLDERS & set(folders)) or path == Path(__file__)


def hits(root: Path) -> Iterator[str]:
    """Yield `path:line: word` for each hit below a folder."""
    for path in searched_files(root):
        for line, word in avoided_words(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(root)}:{line}: {word}"


def main() -> int:
    """Print every hit."""
    found = list(hits(ROOT))
    for hit in found:
        print(hit)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
