"""The publisher: from the stream of the table to events on the bus."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.events.publish import publish


def serve(event: Mapping[str, Any], _context: object, app: Spendgate) -> dict[str, object]:
    """Answer Lambda about a batch of changes."""
    return publish(
        event["Records"],
        bus=app.event_bus,
        undelivered=lambda: app.undelivered_events,
        now_ms=app.clock.now_ms(),
        retry_seconds=app.settings.event_retry_seconds,
    )
