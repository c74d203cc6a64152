"""What LiteLLM's proxy keeps with a request: its reservation, and what its stream has written.

It lies in the request's metadata as plain JSON, so that the workers of a proxy share nothing.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from typing import Any

from spendgate._calls import visible_text
from spendgate.estimators import text_size

STATE = "spendgate"
"""The key of the request's metadata under which a reservation is kept."""

_METADATA = ("litellm_metadata", "metadata")
_SECRET = os.urandom(32)


def metadata_of(data: dict[str, Any]) -> dict[str, Any]:
    """The metadata that LiteLLM keeps with a request, without what a caller put there for us."""
    for name in _METADATA:
        if isinstance(data.get(name), dict):
            data[name].pop(STATE, None)
    name = next((name for name in _METADATA if name in data), "metadata")
    if not isinstance(data.get(name), dict):
        data[name] = {}
    metadata: dict[str, Any] = data[name]
    return metadata


def state_in(holder: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state of a request, if this process has put it there."""
    for name in _METADATA:
        state = (holder.get(name) or {}).get(STATE)
        if isinstance(state, dict) and state.get("proof") == proof_of(state.get("reservation_id")):
            return state
    return None


def taken(state: dict[str, Any] | None) -> dict[str, Any] | None:
    """The state, the first time it is asked for: a request is settled or released once."""
    if state is None or state.get("is_done"):
        return None
    state["is_done"] = True
    return state


def proof_of(reservation_id: str | None) -> str:
    """What a caller that sends metadata of its own cannot know."""
    return hmac.new(_SECRET, str(reservation_id).encode(), "sha256").hexdigest()


class Watch:
    """Reads the chunks of a stream: those that LiteLLM keeps, with the provider's own usage."""

    def __init__(self, state: dict[str, Any] | None, response: Any) -> None:
        self._state = state
        self._response = response
        self._seen = 0

    def read(self, chunk: Any = None) -> None:
        """Read what came since; where another callback stands between, the chunk itself."""
        if self._state is None:
            return
        kept = getattr(self._response, "chunks", None)
        new = kept[self._seen :] if kept is not None else [chunk]
        self._seen += len(new)
        for streamed in new:
            if hasattr(streamed, "choices"):
                _count(self._state, streamed)


def _count(state: dict[str, Any], chunk: Any) -> None:
    """Keep what was seen of a stream; a usage is final unless a text follows it."""
    state.setdefault("text_bytes", 0)
    state.setdefault("reported", None)
    state.setdefault("is_final", False)
    for text in visible_text("chat", chunk.model_dump(exclude_none=True)):
        state["text_bytes"] += text_size(text)
        state["is_final"] = state["is_final"] and not text
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        state["reported"] = usage.model_dump(exclude_none=True)
        state["is_final"] = True
