"""The consumer of the queue of notifications: deliver a batch, and name what SQS delivers again."""

from collections.abc import Mapping, Sequence
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.notifications.deliver import Outcome, Retry
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
    retries = [retry for outcome in outcomes if (retry := _retry_of(outcome, app))]
    _delay(retries, app)
    return {
        "batchItemFailures": [{"itemIdentifier": retry.record["messageId"]} for retry in retries]
    }


def _retry_of(outcome: Outcome, app: Spendgate) -> Retry | None:
    """Return the retry of a message; None if it was dead-lettered instead."""
    if isinstance(outcome, Retry):
        return outcome
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
        return Retry(outcome.record, _RETRY_SECONDS)
    logger.error("a notification was dead-lettered", extra=details)
    count("notifications_dead_lettered")
    return None


def _delay(retries: Sequence[Retry], app: Spendgate) -> None:
    """Return messages to the queue, each after its time."""
    if not retries:
        return
    try:
        app.notification_redelivery.delay(
            {retry.record["receiptHandle"]: retry.seconds for retry in retries}
        )
    except Unavailable as error:
        logger.warning("failed notifications return later than they should: %s", error)
