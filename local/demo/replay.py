"""Replays a scenario: reserves over HTTP at each request's time, and settles through SQS."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal

from local.demo.client import Client, Response
from local.demo.record import Grant, Record, read_holds, read_refusal
from local.demo.scenario import PlannedRequest
from local.demo.settlements import Reporter

CALLERS = 8
"""Concurrent callers: as many as the local stack admits on two cores."""

REQUESTS_PER_SECOND = 100
"""The rate to which a trace is compressed; a slower stack is busy all the time."""


class Replay:
    """Sends every request of a scenario and records the responses."""

    def __init__(self, client: Client, reporter: Reporter, record: Record, *, run: str) -> None:
        self._client, self._reporter, self._record = client, reporter, record
        self._run = run

    def play(
        self, requests: Sequence[PlannedRequest], *, while_waiting: Callable[[], None]
    ) -> None:
        """Send every request at its compressed time, or as soon as a caller is free."""
        started = time.monotonic()
        compression = _compression(requests)
        callers = ThreadPoolExecutor(CALLERS, thread_name_prefix="caller")
        pending: list[Future[None]] = []
        try:
            for request in requests:
                due = started + request.at_seconds * compression
                while (wait := due - time.monotonic()) > 0:
                    time.sleep(min(wait, 0.1))
                    while_waiting()
                pending.append(callers.submit(self._ask, request))
            for future in pending:
                while not future.done():
                    time.sleep(0.05)
                    while_waiting()
                future.result()
        finally:
            callers.shutdown(cancel_futures=True)

    def _ask(self, request: PlannedRequest) -> None:
        asked_at = time.monotonic()
        response = self._reserve(request)
        answered_at = time.monotonic()
        match response.status:
            case 200 | 201:
                grant = Grant(
                    request,
                    response.body["reservation_id"],
                    asked_at,
                    answered_at,
                    read_holds(request, response.body),
                )
                self._check_price(request, response)
                if request.asked_twice:
                    self._ask_again(request, response)
                self._record.granted(grant)
                self._reporter.report(grant)
            case 429 if response.body.get("error", {}).get("type") == "budget_exceeded":
                self._record.refused(read_refusal(request, response.body))
            case _:
                self._record.surprised(
                    f"request {request.number}: expected a grant or a refusal, "
                    f"found {response.status} {response.body}"
                )

    def _reserve(self, request: PlannedRequest) -> Response:
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

    def _check_price(self, request: PlannedRequest, response: Response) -> None:
        found = {unit: Decimal(amount) for unit, amount in response.body["amounts"].items()}
        if found != request.estimate:
            self._record.surprised(
                f"request {request.number}: expected the estimate {request.estimate}, found {found}"
            )

    def _ask_again(self, request: PlannedRequest, first: Response) -> None:
        """Repeat a request with its key, as after a lost connection; expect the same response."""
        again = self._reserve(request)
        replayed = again.headers.get("idempotency-replayed") == "true"
        if again.status == 200 and replayed and again.body == first.body:
            self._record.asked_again()
            return
        self._record.surprised(
            f"request {request.number}, repeated: expected the first response again, "
            f"found {again.status} {again.body}"
        )


def _compression(requests: Sequence[PlannedRequest]) -> float:
    """Return the seconds of replay per second of the trace: at most 1."""
    lasts_seconds = requests[-1].at_seconds
    wanted_seconds = len(requests) / REQUESTS_PER_SECOND
    return min(1.0, wanted_seconds / lasts_seconds) if lasts_seconds else 0.0
