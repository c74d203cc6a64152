"""The event bus: which events it took, and why it refused the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import botocore.exceptions
from botocore.config import Config

CLIENT_CONFIG = Config(
    retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=1, read_timeout=3
)
"""A bus that does not answer leaves the function time to put all events of a batch aside."""

ENTRIES_MAX = 10
"""How many events EventBridge takes in one call."""

BYTES_MAX = 262_144
"""How large they may be together."""

_TIME_BYTES = 14

_FINAL_CODES = frozenset(
    {
        "InvalidArgument",
        "MalformedDetail",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "RedactionFailure",
    }
)
"""What EventBridge holds against the event itself; whatever else it says may pass."""


class EventsClient(Protocol):
    """The call of boto3's EventBridge client that is used here."""

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        """PutEvents."""
        ...


@dataclass(frozen=True, slots=True)
class BusEntry:
    """An event as the bus takes it; `detail` is JSON."""

    source: str
    detail_type: str
    detail: str
    occurred_at_ms: int

    @property
    def bytes(self) -> int:
        """Its size as EventBridge counts it."""
        texts = (self.source, self.detail_type, self.detail)
        return _TIME_BYTES + sum(len(text.encode()) for text in texts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event was not taken; `is_final` if it never will be."""

    code: str
    reason: str
    is_final: bool


class EventBus:
    """The bus of that name."""

    def __init__(self, client: EventsClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, entries: Sequence[BusEntry]) -> list[Refusal | None]:
        """Put events on the bus, `ENTRIES_MAX` at most: what was refused, in their order.

        Where EventBridge refuses them all as malformed, each is tried by itself.
        """
        assert len(entries) <= ENTRIES_MAX
        if not entries:
            return []
        try:
            answer = self._client.put_events(Entries=[self._entry(one) for one in entries])
        except botocore.exceptions.ClientError as error:
            refusal = _refusal_of_call(error)
            if refusal.is_final and len(entries) > 1:
                return [refused for one in entries for refused in self.put([one])]
            return [refusal] * len(entries)
        except botocore.exceptions.BotoCoreError as error:
            return [Refusal("unavailable", str(error), is_final=False)] * len(entries)
        if not answer["FailedEntryCount"]:
            return [None] * len(entries)
        return [_refusal_of_entry(one) for one in answer["Entries"]]

    def _entry(self, entry: BusEntry) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": entry.source,
            "DetailType": entry.detail_type,
            "Detail": entry.detail,
            "Time": entry.occurred_at_ms // 1000,
        }


def _refusal_of_entry(entry: dict[str, Any]) -> Refusal | None:
    code = entry.get("ErrorCode")
    if not code:
        return None
    return Refusal(code, entry.get("ErrorMessage") or code, is_final=code in _FINAL_CODES)


def _refusal_of_call(error: botocore.exceptions.ClientError) -> Refusal:
    code = error.response.get("Error", {}).get("Code", "")
    is_final = code in {"ValidationException", "ValidationError"} or code in _FINAL_CODES
    return Refusal(code or "unavailable", str(error), is_final)
