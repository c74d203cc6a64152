"""The consumer of the queue of notifications: deliver a batch, and name what SQS delivers again."""

from collections.abc import Mapping, Sequence
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.notifications.deliver import Retry, Undeliverable
from spendgate_service.observability import count, logger
from spendgate_service.store.errors import Unavailable

TIME_TO_STOP_MS = 15_000
"""How long before the function's timeout it starts no other post."""

_RETRY_SECONDS = 60


def serve(event: Mapping[str, Any], context: Any, app: Spendgate) -> dict[str, object]:
    """Answer Lambda about a batch of messages. Raises WrongSchema."""
    app.require_schema()
    outcomes = app.notifier.handle(
        event["Records"], lambda: context.get_remaining_time_in_millis() > TIME_TO_STOP_MS
    )
    retries = [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Retry) or not _dead_letter(outcome, app)
    ]
    _delay(retries, app)
    return {
        "batchItemFailures": [{"itemIdentifier": retry.record["messageId"]} for retry in retries]
    }


def _dead_letter(outcome: Undeliverable, app: Spendgate) -> bool:
    """Dead-letter a message; return whether the queue accepted it."""
    message_id = outcome.record["messageId"]
    details = {"correlation_id": message_id, "code": outcome.code, "reason": outcome.reason}
    try:
        app.undelivered_notifications.dead_letter(
            outcome.record["body"],
            code=outcome.code,
            reason=outcome.reason,
            message_id=message_id,
        )
    except Unavailable:
        logger.error("a notification could not be dead-lettered", extra=details)
        return False
    logger.error("a notification was dead-lettered", extra=details)
    count("notifications_dead_lettered")
    return True


def _delay(retries: Sequence[Retry | Undeliverable], app: Spendgate) -> None:
    """Return messages to the queue, each after its time."""
    if not retries:
        return
    waits = {
        outcome.record["receiptHandle"]: getattr(outcome, "seconds", _RETRY_SECONDS)
        for outcome in retries
    }
    try:
        app.notification_redelivery.delay(waits)
    except Unavailable as error:
        logger.warning("failed notifications return later than they should: %s", error)
