"""The consumer of the settlement queue: it applies a batch, and names the messages to retry.

It applies the whole batch together. Powertools' batch processor handles records one by one; the
response to SQS is the same (partial batch failures).

A message that can never succeed goes to the dead-letter queue with the reason, and never blocks its
neighbours. One that may succeed later stays in the queue; at its last try it goes to the
dead-letter queue too, so that the reason is known; if even that fails, SQS moves it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spendgate_service.api.bodies.messages import command_of, read_message
from spendgate_service.api.errors import problem_of
from spendgate_service.api.exceptions import RequestError
from spendgate_service.app import Spendgate
from spendgate_service.dead_letters.queue import SENT_AT
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.observability import count, logger
from spendgate_service.settlements.apply import Outcome, Settlements
from spendgate_service.store.errors import StoreError, Unavailable

_MOMENT = re.compile("[0-9]{1,15}")

RECEIVES_MAX = 5
"""How often SQS delivers a message: `maxReceiveCount` of the settlement queue in the template."""


def consume(records: Sequence[Mapping[str, Any]], app: Spendgate) -> dict[str, object]:
    """Apply a batch of SQS records, and name those that SQS has to deliver again."""
    now_ms = app.clock.now_ms()
    commands: list[SettlementCommand] = []
    readable: list[Mapping[str, Any]] = []
    failed: list[_Failure] = []
    for record in records:
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
        except Exception as error:  # noqa: BLE001 (a bug must not hold up the others)
            failed.append(_Failure(record, tenant_id, error))
            continue
        commands.append(command)
        readable.append(record)
    applied = zip(readable, commands, _apply(app.settlements, commands), strict=True)
    for record, command, outcome in applied:
        if isinstance(outcome, Exception):
            failed.append(_Failure(record, command.tenant_id, outcome))
    to_retry = [failure.record for failure in failed if not _dead_letter(failure, app)]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in to_retry]}


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


@dataclass(frozen=True, slots=True)
class _Failure:
    """A message that was not applied, with its tenant if the message names one."""

    record: Mapping[str, Any]
    tenant_id: str | None
    error: Exception


def _dead_letter(failure: _Failure, app: Spendgate) -> bool:
    """Dead-letter a message that cannot succeed or had its last try; return whether it was."""
    record, error = failure.record, failure.error
    receives = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
    is_final = isinstance(error, (SpendgateError, RequestError))
    code, message_id = error_code(error), record["messageId"]
    details = {"correlation_id": message_id, "code": code, "reason": str(error) or repr(error)}
    if failure.tenant_id is not None:
        details["tenant_id"] = failure.tenant_id
    if not is_final and receives < RECEIVES_MAX:
        logger.warning("a message will be retried", extra={**details, "receives": receives})
        count("retried")
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


def first_sent_at_ms(record: Mapping[str, Any]) -> int | None:
    """Return when a message was first sent: before a redrive, if there was one; None: unknown.

    An attribute that names a later moment than SQS does is wrong, and counts for nothing.
    """
    sent = record.get("attributes", {}).get("SentTimestamp")
    first = record.get("messageAttributes", {}).get(SENT_AT, {}).get("stringValue")
    moments = [int(text) for text in (sent, first) if text and _MOMENT.fullmatch(text)]
    return min(moments, default=None)


def error_code(error: Exception) -> str:
    """Return the code that callers know, or the class of an internal failure."""
    if isinstance(error, StoreError) and not isinstance(error, Unavailable):
        return type(error).__name__
    return problem_of(error).code
