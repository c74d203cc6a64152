"""Packed attributes: text deflated with a preset dictionary (RFC 1950).

A DynamoDB item costs a write unit per KB, and what is stored repeats itself: field names, kinds of
ids, usual values. The dictionary has them, so that they cost nothing, not even the first time.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spendgate_service.store.values import Value


@dataclass(frozen=True, slots=True)
class Packing:
    """Packs text as an attribute, and reads it, byte for byte as it was.

    Never change the dictionary of a packing: what lies in the table was packed with it. What is
    most usual stands last in it.
    """

    dictionary: bytes

    def pack(self, text: str) -> Value:
        """Make the attribute of a text."""
        packer = zlib.compressobj(level=9, zdict=self.dictionary)
        return {"B": packer.compress(text.encode()) + packer.flush()}

    def read(self, value: Value) -> str:
        """Read a text. Raises ValueError."""
        try:
            unpacker = zlib.decompressobj(zdict=self.dictionary)
            text = unpacker.decompress(value["B"]).decode()
        except zlib.error as error:
            raise ValueError(f"the text cannot be inflated: {error}") from error
        if not unpacker.eof:
            raise ValueError("the text cannot be inflated: its end is missing")
        return text

    def pack_lines(self, lines: Sequence[Mapping[str, object]]) -> Value:
        """Make the attribute of several lines, as JSON."""
        return self.pack(json.dumps(lines, separators=(",", ":"), ensure_ascii=False))

    def read_lines(self, value: Value) -> list[Mapping[str, Any]]:
        """Read lines, in the order in which they were packed. Raises ValueError."""
        lines: list[Mapping[str, Any]] = json.loads(self.read(value))
        return lines
