"""Put events on the EventBridge bus: which events it accepts, and why it refuses the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spendgate_service.store.messaging import ENTRIES_MAX, CallFailed, EventsClient, call

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
"""The errors of EventBridge that are about the event itself; any other may be transient."""


@dataclass(frozen=True, slots=True)
class BusEntry:
    """An event as the bus accepts it; `detail` is JSON."""

    source: str
    detail_type: str
    detail: str
    occurred_at_ms: int

    @property
    def bytes(self) -> int:
        """The size as EventBridge counts it."""
        texts = (self.source, self.detail_type, self.detail)
        return _TIME_BYTES + sum(len(text.encode()) for text in texts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the bus refused an event; `is_final` if it will refuse the event again."""

    code: str
    reason: str
    is_final: bool


class EventBus:
    """One event bus."""

    def __init__(self, client: EventsClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, entries: Sequence[BusEntry]) -> list[Refusal | None]:
        """Put events on the bus, `ENTRIES_MAX` at most; return the refusal of each, in order.

        If EventBridge refuses the whole call as malformed, each event is sent by itself.
        """
        assert len(entries) <= ENTRIES_MAX
        if not entries:
            return []
        try:
            response = call(self._client.put_events, Entries=list(map(self._entry, entries)))
        except CallFailed as error:
            refusal = _refusal_of_call(error)
            if refusal.is_final and len(entries) > 1:
                return [refused for entry in entries for refused in self.put([entry])]
            return [refusal] * len(entries)
        if not response["FailedEntryCount"]:
            return [None] * len(entries)
        return list(map(_refusal_of_entry, response["Entries"]))

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


def _refusal_of_call(error: CallFailed) -> Refusal:
    is_final = error.code in _FINAL_CODES | {"ValidationException", "ValidationError"}
    return Refusal(error.code or "unavailable", str(error), is_final)
