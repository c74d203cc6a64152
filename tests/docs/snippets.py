"""The fenced blocks of a document, in their order, and what each of them is there for.

A block in sh or python is run. The json, http, csv or text after it is what it shall print. A json
block that follows no command is a message of the settlement queue, and is delivered. A comment
such as `<!-- 3600 s later -->` lets time go by. What make and sam print is beyond a test: of their
commands the targets and options are checked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

type Kind = Literal["run", "tools", "answer", "message", "later", "diagram"]

_FENCE_OR_WAIT = re.compile(
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$|^<!-- (?P<seconds>\d+) s later -->$",
    re.MULTILINE | re.DOTALL,
)
_TOOL = re.compile(r"make |\.local/venvs/|PYTHONPATH=")
_ANSWERS = {"json", "http", "csv", "text"}
_DIAGRAMS = ("flowchart ", "stateDiagram-v2", "sequenceDiagram")


@dataclass(frozen=True, slots=True)
class Snippet:
    """One block, and the line at which it begins."""

    kind: Kind
    language: str
    text: str
    line: int


def snippets_in(document: Path) -> Iterator[Snippet]:
    """Every block of a document. Raises ValueError for one that nothing would test."""
    text, before = document.read_text(), None
    for found in _FENCE_OR_WAIT.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        language = found["language"] or ""
        content = found["text"] if language else found["seconds"]
        kind = _kind(language, content, before)
        if kind is None:
            raise ValueError(f"{document.name}:{line}: nothing tests a block of {language} here")
        yield (before := Snippet(kind, language, content, line))


def _kind(language: str, text: str, before: Snippet | None) -> Kind | None:
    if not language:
        return "later"
    if language == "sh":
        commands = [line for line in text.splitlines() if line and not line.startswith("#")]
        return "tools" if all(map(_TOOL.match, commands)) else "run"
    if language == "python":
        return "run"
    if language == "mermaid":
        return "diagram" if text.startswith(_DIAGRAMS) else None
    if language in _ANSWERS and before and before.kind in {"run", "tools"}:
        return "answer"
    return "message" if language == "json" else None
