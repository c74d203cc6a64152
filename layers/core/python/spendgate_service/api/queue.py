"""The consumer of the settlement queue: it applies a batch, and names the messages to retry.

It applies the whole batch together. Powertools' batch processor handles records one by one; the
response to SQS is the same (partial batch failures).

- A message that can never succeed goes to the dead-letter queue with the reason, at once, and never
  blocks its neighbours.
- A message that failed because DynamoDB does not answer returns to the queue after a backoff of 1,
  5, 30 and then 120 seconds, however often that happens.
- A message that meets a defect of the service is dead-lettered at its fifth delivery.
- A message that kills the function is found by `isolation`.
"""

import re
from collections.abc import Sequence

from spendgate_service.api.bodies.messages import command_of, read_message
from spendgate_service.api.errors import problem_of
from spendgate_service.api.exceptions import RequestError
from spendgate_service.api.isolation import (
    Failure,
    Record,
    all_failed,
    is_suspect,
    process_suspects,
    receives_of,
)
from spendgate_service.app import Spendgate
from spendgate_service.dead_letters.queue import SENT_AT
from spendgate_service.dead_letters.redelivery import BACKOFF_SECONDS, backoff_seconds
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.observability import count, logger
from spendgate_service.settlements.apply import Outcome, Settlements
from spendgate_service.store.attempts import ConsumerKilled
from spendgate_service.store.errors import StoreError, Unavailable

_MOMENT = re.compile("[0-9]{1,15}")

RECEIVES_MAX = 1000
"""How often SQS delivers a message: `maxReceiveCount` of the settlement queue in the template."""

DEFECT_RECEIVES_MAX = 5
"""At this delivery a message that meets a defect is dead-lettered."""


def consume(records: Sequence[Record], app: Spendgate) -> dict[str, object]:
    """Apply a batch of SQS records, and name those that SQS has to deliver again."""
    try:
        app.require_schema()
    except Unavailable as error:
        return _answer(all_failed(records, error), app)
    suspects = [record for record in records if is_suspect(record)]
    others = [record for record in records if not is_suspect(record)]
    failures = _process(others, app) if others else []
    if suspects and (outage := _outage(others, failures)):
        failures += all_failed(suspects, outage)
    elif suspects:
        failures += process_suspects(suspects, app, lambda batch: _process(batch, app))
    return _answer(failures, app)


def _answer(failures: Sequence[Failure], app: Spendgate) -> dict[str, object]:
    """Dead-letter what cannot succeed, return the rest to the queue, and name it."""
    to_retry = [failure.record for failure in failures if not _dead_letter(failure, app)]
    _delay(to_retry, app)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in to_retry]}


def _process(records: Sequence[Record], app: Spendgate) -> list[Failure]:
    """Apply messages together; return the failures."""
    now_ms = app.clock.now_ms()
    commands: list[SettlementCommand] = []
    readable: list[Record] = []
    failed: list[Failure] = []
    for place, record in enumerate(records):
        tenant_id = None
        try:
            message = read_message(record["body"])
            tenant_id = message.tenant_id
            sent_at_ms = first_sent_at_ms(record)
            command = command_of(
                message,
                app.policy_cache,
                now_ms=now_ms,
                sent_at_ms=now_ms if sent_at_ms is None else sent_at_ms,
            )
        except Unavailable as error:
            # Waiting once for each message would take longer than the function may run.
            unread = [*readable, *records[place + 1 :]]
            return [*failed, Failure(record, tenant_id, error), *all_failed(unread, error)]
        except Exception as error:  # noqa: BLE001 (a bug must not hold up the others)
            failed.append(Failure(record, tenant_id, error))
            continue
        commands.append(command)
        readable.append(record)
    applied = zip(readable, commands, _apply(app.settlements, commands), strict=True)
    for record, command, outcome in applied:
        if isinstance(outcome, Exception):
            failed.append(Failure(record, command.tenant_id, outcome))
    return failed


def _outage(records: Sequence[Record], failures: Sequence[Failure]) -> Unavailable | None:
    """Return the error of an outage: no message was applied, and DynamoDB does not answer."""
    errors = [failure.error for failure in failures if isinstance(failure.error, Unavailable)]
    return errors[0] if errors and len(errors) == len(records) else None


def _delay(records: Sequence[Record], app: Spendgate) -> None:
    """Return messages to the queue after their backoff."""
    if not records:
        return
    try:
        app.redelivery.delay(
            {record["receiptHandle"]: backoff_seconds(receives_of(record)) for record in records}
        )
    except Unavailable as error:
        logger.warning("failed messages return later than they should: %s", error)


def _apply(settlements: Settlements, commands: Sequence[SettlementCommand]) -> Sequence[Outcome]:
    """Return the outcome of each command; if one meets a bug, the others are applied.

    Applying a command twice does nothing the second time, so the batch can be split.
    """
    try:
        return settlements.apply(commands)
    except Exception as error:  # noqa: BLE001 (an unexpected error is logged)
        if len(commands) == 1:
            logger.exception("unexpected error in a message")
            return [error]
    return [outcome for command in commands for outcome in _apply(settlements, [command])]


def _dead_letter(failure: Failure, app: Spendgate) -> bool:
    """Dead-letter a message that cannot succeed or had its last try; return whether it was."""
    record, error = failure.record, failure.error
    receives = receives_of(record)
    code, message_id = error_code(error), record["messageId"]
    details = {"correlation_id": message_id, "code": code, "reason": str(error) or repr(error)}
    if failure.tenant_id is not None:
        details["tenant_id"] = failure.tenant_id
    if receives < _receives_max(error):
        logger.warning("a message will be retried", extra={**details, "receives": receives})
        count("retried")
        if receives >= len(BACKOFF_SECONDS):
            count("retried_often")
        return False
    try:
        app.dead_letters.dead_letter(
            record["body"],
            code=code,
            reason=details["reason"],
            message_id=message_id,
            sent_at_ms=first_sent_at_ms(record),
        )
    except Unavailable:
        logger.error("a message could not be dead-lettered", extra=details)
        return False
    logger.error("a message was dead-lettered", extra=details)
    count("dead_lettered")
    return True


def first_sent_at_ms(record: Record) -> int | None:
    """Return when a message was first sent: before a redrive, if there was one; None: unknown.

    An attribute that names a later moment than SQS does is wrong, and counts for nothing.
    """
    sent = record.get("attributes", {}).get("SentTimestamp")
    first = record.get("messageAttributes", {}).get(SENT_AT, {}).get("stringValue")
    moments = [int(text) for text in (sent, first) if text and _MOMENT.fullmatch(text)]
    return min(moments, default=None)


def _receives_max(error: Exception) -> int:
    """Return at which delivery a message that fails like this is dead-lettered."""
    if isinstance(error, (SpendgateError, RequestError, ConsumerKilled)):
        return 1
    return RECEIVES_MAX if isinstance(error, Unavailable) else DEFECT_RECEIVES_MAX


def error_code(error: Exception) -> str:
    """Return the code that callers know, or the class of an internal failure."""
    if isinstance(error, StoreError) and not isinstance(error, Unavailable):
        return type(error).__name__
    return problem_of(error).code
