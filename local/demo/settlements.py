"""Reports to the settlement queue what was spent: in batches, repeated and out of order."""

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

BATCH_SIZE = 10  # as many as SQS takes at once

_LINGER_SECONDS = 0.25
_SENDS_MAX = 5


@dataclass(order=True, slots=True)
class _Due:
    at: float
    order: int
    grant: Grant = field(compare=False)


def message_of(grant: Grant, *, tenant_id: str) -> dict[str, object]:
    """The message that ends a reservation; every copy of it is the same."""
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
    """Sends every grant's messages when they are due, from a thread of its own."""

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
        """Have a grant reported, after the time its call takes."""
        now = time.monotonic()
        with self._changed:
            for delay_seconds in grant.request.message_delays_seconds:
                heapq.heappush(self._due, _Due(now + delay_seconds, next(self._order), grant))
            self._changed.notify()

    def close(self, *, while_waiting: Callable[[], None]) -> None:
        """Wait until everything is sent; raises what stopped it from being sent."""
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
        except Exception as error:  # noqa: BLE001  (a thread's failure is told by close)
            self._failure = error

    def _next_batch(self) -> list[Grant]:
        """Up to ten grants that are due, as soon as they fill a batch or one has waited."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = sum(one.at <= now for one in self._due)
                oldest = self._due[0].at if self._due else None
                if oldest is None and self._closing:
                    return []
                if due >= BATCH_SIZE or (oldest is not None and now >= oldest + _LINGER_SECONDS):
                    return self._pop(now)
                wait = None if oldest is None else max(0.01, oldest + _LINGER_SECONDS - now)
                self._changed.wait(wait)

    def _pop(self, now: float) -> list[Grant]:
        """The due grants, each once: its copies are to come in other batches."""
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
                "MessageBody": json.dumps(message_of(one, tenant_id=self._tenant_id)),
            }
            for place, one in enumerate(batch)
        ]
        for _ in range(_SENDS_MAX):
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            failed = {one["Id"] for one in answer.get("Failed", ())}
            self._record.messages += len(entries) - len(failed)
            entries = [entry for entry in entries if entry["Id"] in failed]
            if not entries:
                return
        raise LocalStackError(f"it refused {len(entries)} messages {_SENDS_MAX} times")


def waiting_messages(sqs: Any, queue_url: str) -> int:
    """How many messages a queue has, those in somebody's hands included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)
