"""Sends settlements to the queue: in batches, repeated and out of order."""

import heapq
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Condition, Thread
from typing import Any

from local.console import LocalStackError
from local.demo.record import Grant, Record
from local.demo.scenario import PlannedRequest

BATCH_SIZE = 10  # the maximum of SQS

_LINGER_SECONDS = 0.25
_SENDS_MAX = 5


@dataclass(order=True, slots=True)
class _Due:
    at: float
    order: int
    grant: Grant = field(compare=False)


def message_of(grant: Grant, *, tenant_id: str) -> dict[str, object]:
    """Return the message that settles or releases a reservation; all copies are equal."""
    request = grant.request
    addressed: dict[str, object] = {
        "version": 1,
        "type": request.outcome,
        "tenant_id": tenant_id,
        "reservation_id": grant.reservation_id,
    }
    if request.outcome == "release":
        return addressed
    reference = {"ref_type": "llm_generation", "ref_id": f"request-{request.number}"}
    return addressed | _spent(request) | reference


def _spent(request: PlannedRequest) -> dict[str, object]:
    if request.tells_amounts:
        return {"actual": {unit: f"{amount:f}" for unit, amount in request.actual.items()}}
    return {
        "usage": {
            "provider": request.model.provider,
            "model": request.model.name,
            "input_tokens": request.input_tokens,
            "output_tokens": request.output_tokens,
        }
    }


class Reporter:
    """Sends every grant's messages when they are due, in its own thread."""

    def __init__(self, sqs: Any, queue_url: str, record: Record, *, tenant_id: str) -> None:
        self._sqs, self._queue_url = sqs, queue_url
        self._record, self._tenant_id = record, tenant_id
        self._due: list[_Due] = []
        self._order = count()
        self._changed = Condition()
        self._closing = False
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    def report(self, grant: Grant) -> None:
        """Schedule the messages of a grant after the duration of its call."""
        now = time.monotonic()
        with self._changed:
            for delay_seconds in grant.request.message_delays_seconds:
                heapq.heappush(self._due, _Due(now + delay_seconds, next(self._order), grant))
            self._changed.notify()

    def close(self, *, while_waiting: Callable[[], None]) -> None:
        """Wait until all messages are sent. Raises LocalStackError if that failed."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        while self._thread.is_alive():
            self._thread.join(timeout=0.1)
            while_waiting()
        if self._failure:
            raise LocalStackError(f"The settlement queue takes no messages: {self._failure}")

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._send(batch)
        except Exception as error:  # noqa: BLE001  (close reports the failure of the thread)
            self._failure = error

    def _next_batch(self) -> list[Grant]:
        """Return up to ten due grants, when they fill a batch or the oldest has waited enough."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = sum(entry.at <= now for entry in self._due)
                oldest = self._due[0].at if self._due else None
                if oldest is None and self._closing:
                    return []
                if due >= BATCH_SIZE or (oldest is not None and now >= oldest + _LINGER_SECONDS):
                    return self._pop(now)
                wait = None if oldest is None else max(0.01, oldest + _LINGER_SECONDS - now)
                self._changed.wait(wait)

    def _pop(self, now: float) -> list[Grant]:
        """Return the due grants, each once: copies are sent in other batches."""
        batch: list[Grant] = []
        while self._due and self._due[0].at <= now and len(batch) < BATCH_SIZE:
            grant = heapq.heappop(self._due).grant
            if grant in batch:
                again = _Due(now + _LINGER_SECONDS, next(self._order), grant)
                heapq.heappush(self._due, again)
            else:
                batch.append(grant)
        return batch

    def _send(self, batch: list[Grant]) -> None:
        for grant in batch:
            if grant.reported_at is None:
                grant.reported_at = time.monotonic()
                self._record.reported += 1
        entries = [
            {
                "Id": str(place),
                "MessageBody": json.dumps(message_of(grant, tenant_id=self._tenant_id)),
            }
            for place, grant in enumerate(batch)
        ]
        for _ in range(_SENDS_MAX):
            response = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            failed = {failure["Id"] for failure in response.get("Failed", ())}
            self._record.messages += len(entries) - len(failed)
            entries = [entry for entry in entries if entry["Id"] in failed]
            if not entries:
                return
        raise LocalStackError(f"SQS rejected {len(entries)} messages {_SENDS_MAX} times")


def waiting_messages(sqs: Any, queue_url: str) -> int:
    """Return how many messages a queue has, including those in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    response = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(response["Attributes"][name]) for name in names)
