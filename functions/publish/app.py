"""Publish what happens in the table: its stream in, events on the bus out."""

from collections.abc import Mapping
from typing import Any

from spendgate_service import runtime, settings
from spendgate_service.events.publish import publish
from spendgate_service.observability import logger, measured


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer Lambda about a batch of changes."""
    return publish(
        event["Records"],
        bus=runtime.event_bus(),
        undelivered=runtime.undelivered_events,
        now_ms=runtime.now_ms(),
        retry_seconds=settings.event_retry_seconds(),
    )
