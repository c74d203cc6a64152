"""Server-sent events, parsed beside the bytes that pass through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class EventSplitter:
    """Cuts a stream of bytes into events, each with the blank line that ends it."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that the chunk completes."""
        self._buffer += chunk
        start = 0
        for match in _END_OF_EVENT.finditer(self._buffer):
            yield self._buffer[start : match.end()]
            start = match.end()
        self._buffer = self._buffer[start:]

    def rest(self) -> bytes:
        """What came after the last complete event."""
        rest, self._buffer = self._buffer, b""
        return rest


def event_data(event: bytes) -> dict[str, Any] | None:
    """The JSON object of an event; None for comments, `[DONE]` and anything else."""
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    data = b"\n".join(lines)
    if not data.startswith(b"{"):
        return None
    try:
        parsed: Any = json.loads(data)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
