"""Replays a scenario: every request asks over HTTP when its time has come, and reports by SQS."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal

from local.demo.client import Answer, Client
from local.demo.record import Grant, Record, read_holds, read_refusal
from local.demo.scenario import PlannedRequest
from local.demo.settlements import Reporter

CALLERS = 8
"""How many ask at once: as many as the local stack lets in, and enough to keep two cores busy."""

REQUESTS_PER_SECOND = 100
"""To what a trace is compressed; a slower stack is simply always busy."""


class Replay:
    """Asks for every request of a scenario and keeps what comes back."""

    def __init__(self, client: Client, reporter: Reporter, record: Record, *, run: str) -> None:
        self._client, self._reporter, self._record = client, reporter, record
        self._run = run

    def play(
        self, requests: Sequence[PlannedRequest], *, while_waiting: Callable[[], None]
    ) -> None:
        """Ask for every request, at its compressed time or as soon after it as somebody is free."""
        started = time.monotonic()
        compression = _compression(requests)
        callers = ThreadPoolExecutor(CALLERS, thread_name_prefix="caller")
        asked: list[Future[None]] = []
        try:
            for request in requests:
                due = started + request.at_seconds * compression
                while (wait := due - time.monotonic()) > 0:
                    time.sleep(min(wait, 0.1))
                    while_waiting()
                asked.append(callers.submit(self._ask, request))
            for future in asked:
                while not future.done():
                    time.sleep(0.05)
                    while_waiting()
                future.result()
        finally:
            callers.shutdown(cancel_futures=True)

    def _ask(self, request: PlannedRequest) -> None:
        asked_at = time.monotonic()
        answer = self._reserve(request)
        answered_at = time.monotonic()
        match answer.status:
            case 200 | 201:
                grant = Grant(
                    request,
                    answer.body["reservation_id"],
                    asked_at,
                    answered_at,
                    read_holds(request, answer.body),
                )
                self._check_price(request, answer)
                if request.asked_twice:
                    self._ask_again(request, answer)
                self._record.granted(grant)
                self._reporter.report(grant)
            case 429 if answer.body.get("error", {}).get("type") == "budget_exceeded":
                self._record.refused(read_refusal(request, answer.body))
            case _:
                self._record.surprised(
                    f"request {request.number}: expected a grant or a refusal, "
                    f"found {answer.status} {answer.body}"
                )

    def _reserve(self, request: PlannedRequest) -> Answer:
        body = {
            "subjects": request.subjects,
            "usage": {
                "provider": request.model.provider,
                "model": request.model.name,
                "input_tokens": request.input_tokens,
                "max_output_tokens": request.max_output_tokens,
            },
            "ttl_seconds": request.ttl_seconds,
        }
        key = f"{self._run}-{request.number}"
        return self._client.post("/v1/reservations", body, idempotency_key=key)

    def _check_price(self, request: PlannedRequest, answer: Answer) -> None:
        found = {unit: Decimal(amount) for unit, amount in answer.body["amounts"].items()}
        if found != request.estimate:
            self._record.surprised(
                f"request {request.number}: expected the estimate {request.estimate}, found {found}"
            )

    def _ask_again(self, request: PlannedRequest, first: Answer) -> None:
        """A caller whose connection broke asks again with the same key, and gets the same."""
        again = self._reserve(request)
        replayed = again.headers.get("idempotency-replayed") == "true"
        if again.status == 200 and replayed and again.body == first.body:
            self._record.asked_again()
            return
        self._record.surprised(
            f"request {request.number}, asked twice: expected the first answer again, "
            f"found {again.status} {again.body}"
        )


def _compression(requests: Sequence[PlannedRequest]) -> float:
    """Seconds of the replay for each second of the trace, which is never stretched."""
    lasts_seconds = requests[-1].at_seconds
    wanted_seconds = len(requests) / REQUESTS_PER_SECOND
    return min(1.0, wanted_seconds / lasts_seconds) if lasts_seconds else 0.0
