"""Blocks of the documents, for tests that run them as a reader would."""

from __future__ import annotations

import re

from tests.support.service import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(document: str, language: str) -> list[str]:
    """The blocks of a document in one language, in their order."""
    return blocks_in((ROOT / document).read_text(encoding="utf-8"), language)


def blocks_in(text: str, language: str) -> list[str]:
    """The blocks of a text in one language, in their order."""
    return [block for name, block in _BLOCK.findall(text) if name == language]
