"""What a prompt asks the fake provider to do: `hello !words=20 !drop=3`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DIRECTIVE = re.compile(r"!([a-z_]+)(?:=([0-9.]+))?")
_PROMPT_FIELDS = (
    "messages", "input", "prompt", "system", "instructions", "tools", "functions",
    "response_format", "text", "output_config", "suffix",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Script:
    """The directives of a prompt.

    `!words=n` is the length of the answer (5); a word is a chunk of a stream. `!reasoning=n` adds
    hidden tokens. `!calls=n` calls the first tool n times before it answers. `!status=n` answers
    with an error, `!times=k` only to the first k requests of this prompt. `!reset` closes the
    connection after the request was read, `!drop=n` after n chunks. `!wait=n` stops after n chunks
    until the client leaves. `!slow=s` sleeps before the answer, `!pace=s` between chunks.
    `!no_usage` leaves the usage out. `!input=n` and `!output=n` are the tokens that it counts.
    """

    words: int = 5
    reasoning: int = 0
    calls: int = 0
    status: int = 200
    times: float = math.inf
    reset: bool = False
    drop: int | None = None
    wait: int | None = None
    slow: float = 0.0
    pace: float = 0.0
    no_usage: bool = False
    input: int | None = None
    output: int | None = None

    def sent_words(self) -> int:
        """How many words leave before the answer ends or breaks off."""
        limits = (self.words, self.drop, self.wait)
        return min(limit for limit in limits if limit is not None)


def read_script(prompt: str) -> Script:
    """Read the directives of a prompt; unknown ones are an error of the test."""
    fields: dict[str, Any] = {}
    for name, value in _DIRECTIVE.findall(prompt):
        if name in ("reset", "no_usage"):
            fields[name] = True
        elif name in ("slow", "pace", "times"):
            fields[name] = float(value)
        else:
            fields[name] = int(value)
    return Script(**fields)


def answer_words(count: int) -> list[str]:
    """The words of an answer."""
    return [f"word{number} " for number in range(count)]


def text_tokens(text: str) -> int:
    """The fake's tokenizer: three bytes a token, rounded up."""
    return -(-len(text.encode()) // 3)


def prompt_text(body: Mapping[str, Any]) -> str:
    """All texts and keys of the prompt's fields."""
    parts: list[str] = []
    for field in _PROMPT_FIELDS:
        _flatten(body.get(field), parts)
    return "".join(parts)


def _flatten(node: object, parts: list[str]) -> None:
    if isinstance(node, Mapping):
        for key, value in node.items():
            parts.append(str(key))
            _flatten(value, parts)
    elif isinstance(node, list):
        for value in node:
            _flatten(value, parts)
    elif node is not None:
        parts.append(str(node))
