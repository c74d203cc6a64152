"""Process messages that were received often, so that one that kills the function is found.

A batch whose function is killed is not acknowledged, and all of it is delivered again. From its
third delivery on, a message is therefore marked in the table before it is processed, and the mark
is removed after it. Messages without a mark of earlier attempts are processed together, those with
one alone, the least suspected first. Three attempts in a row that did not end: `ConsumerKilled`.

Only an attempt that DynamoDB let begin counts, so an outage of DynamoDB leaves no marks: without
the mark a message is not processed and is returned to the queue. See
docs/adr/0025-failed-settlements-return-soon.md.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.observability import logger
from spendgate_service.store.attempts import (
    ConsumerKilled,
    finish_attempt,
    start_attempt,
    unfinished_attempts,
)
from spendgate_service.store.errors import StoreError, Unavailable

SUSPECT_RECEIVES = 3
"""A message is marked from this delivery on."""

UNFINISHED_MAX = 3
"""After so many attempts in a row that did not end, a message is not processed again."""

SECONDS_MAX = 10
"""When messages are processed alone for so long, the rest returns to the queue."""

type Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that was not applied, with its tenant if the message names one."""

    record: Record
    tenant_id: str | None
    error: Exception


type Process = Callable[[Sequence[Record]], list[Failure]]
"""Processes messages together and returns the failures."""


def receives_of(record: Record) -> int:
    """Return how often SQS delivered a message, this time included."""
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def is_suspect(record: Record) -> bool:
    """Return whether a message was received so often that it is marked."""
    return receives_of(record) >= SUSPECT_RECEIVES


def all_failed(records: Sequence[Record], error: Exception) -> list[Failure]:
    """Return a failure of each message for the same reason."""
    return [Failure(record, None, error) for record in records]


def process_suspects(records: Sequence[Record], app: Spendgate, process: Process) -> list[Failure]:
    """Process messages that were received often; return the failures."""
    try:
        unfinished = unfinished_attempts(app.table, [record["messageId"] for record in records])
    except StoreError as error:
        return all_failed(records, error)
    killing, together, alone = list[Record](), list[Record](), list[Record]()
    for record in sorted(records, key=lambda record: unfinished[record["messageId"]]):
        times = unfinished[record["messageId"]]
        group = together if not times else alone if times < UNFINISHED_MAX else killing
        group.append(record)
    failures = all_failed(killing, ConsumerKilled(UNFINISHED_MAX))
    if together:
        failures += _process_marked(together, app, process)
    return failures + _process_alone(alone, app, process)


def _process_alone(records: Sequence[Record], app: Spendgate, process: Process) -> list[Failure]:
    """Process one by one, as long as there is time and DynamoDB answers."""
    failures: list[Failure] = []
    started = app.clock.monotonic()
    for place, record in enumerate(records):
        if app.clock.monotonic() - started > SECONDS_MAX:
            rest = Unavailable("the function has no time left for this message")
            return failures + all_failed(records[place:], rest)
        failed = _process_marked([record], app, process)
        failures += failed
        if failed and isinstance(failed[0].error, Unavailable):
            return failures + all_failed(records[place + 1 :], failed[0].error)
    return failures


def _process_marked(records: Sequence[Record], app: Spendgate, process: Process) -> list[Failure]:
    """Process messages together, each marked meanwhile."""
    marks = [
        app.budgets_pool.submit(
            start_attempt, app.table, record["messageId"], now_ms=app.clock.now_ms()
        )
        for record in records
    ]
    wait(marks)
    try:
        for mark in marks:
            mark.result()
    except StoreError as error:
        failures = all_failed(records, error)
    else:
        failures = process(records)
    for record in records:
        _remove_mark(record["messageId"], app)
    return failures


def _remove_mark(message_id: str, app: Spendgate) -> None:
    try:
        finish_attempt(app.table, message_id, now_ms=app.clock.now_ms())
    except StoreError:
        logger.warning("the mark of a message was not removed", extra={"message_id": message_id})
