"""Replays a scenario: reserves by the client, calls the fake provider, and settles through SQS."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
from spendgate import BudgetExceeded, Hold, Spendgate, SpendgateError, Unavailable, Usage
from spendgate.models import ReservationGranted

from local.console import LocalStackError
from local.demo.record import (
    Grant,
    Record,
    prompt_of,
    read_holds,
    read_refusal,
    reservation_of,
)
from local.demo.scenario import PlannedRequest
from local.demo.settlements import Reporter

CALLERS = 8
"""Concurrent callers: as many as the local stack admits on two cores."""

REQUESTS_PER_SECOND = 100
"""The rate to which a trace is compressed; a slower stack is busy all the time."""


class Replay:
    """Sends every request of a scenario and records the responses."""

    def __init__(
        self,
        guard: Spendgate,
        provider: httpx2.Client,
        reporter: Reporter,
        record: Record,
        *,
        run: str,
    ) -> None:
        self._guard, self._provider = guard, provider
        self._reporter, self._record = reporter, record
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
        try:
            hold = self._reserve(request)
        except BudgetExceeded as refusal:
            self._record.refused(read_refusal(request, refusal))
            return
        except Unavailable as error:
            raise LocalStackError(f"The API does not respond: {error}") from error
        except SpendgateError as error:
            self._surprised(request, f"expected a grant or a refusal, found {error!r}")
            return
        answered_at = time.monotonic()
        granted = reservation_of(hold)
        holds = read_holds(request, granted)
        grant = Grant(request, granted.reservation_id, asked_at, answered_at, holds)
        if granted.amounts != request.estimate:
            self._surprised(
                request, f"expected the estimate {request.estimate}, found {granted.amounts}"
            )
        if request.asked_twice:
            self._ask_again(request, granted)
        self._call_the_model(request)
        self._record.granted(grant)
        self._reporter.report(grant)

    def _reserve(self, request: PlannedRequest) -> Hold:
        usage = Usage(
            provider=request.model.provider,
            model=request.model.name,
            input_tokens=request.input_tokens,
            max_output_tokens=request.max_output_tokens,
        )
        with self._guard.subjects(**request.subjects):
            return self._guard.reserve(
                usage=usage,
                ttl_seconds=request.ttl_seconds,
                idempotency_key=f"{self._run}-{request.number}",
                heartbeat=False,
            )

    def _ask_again(self, request: PlannedRequest, first: ReservationGranted) -> None:
        """Repeat a request with its key, as after a lost connection; expect the same response."""
        again = self._reserve(request)
        if again.is_replayed and again.reservation == first:
            self._record.asked_again()
            return
        self._surprised(
            request, f"repeated: expected the first response again, found {again.reservation}"
        )

    def _call_the_model(self, request: PlannedRequest) -> None:
        """Call the fake provider, which counts the tokens of the trace, or fails."""
        fails = request.outcome == "release"
        asks = f"!input={request.input_tokens} !output={request.output_tokens} !words=1"
        prompt = f"{prompt_of(request)} {'!status=500' if fails else asks}"
        body = {"model": request.model.name, "messages": [{"role": "user", "content": prompt}]}
        status = self._provider.post("chat/completions", json=body).status_code
        if (status == httpx2.codes.OK) is fails:
            self._surprised(request, f"the fake provider responded {status}")

    def _surprised(self, request: PlannedRequest, what: str) -> None:
        self._record.surprised(f"request {request.number}: {what}")


def _compression(requests: Sequence[PlannedRequest]) -> float:
    """Return the seconds of replay per second of the trace: at most 1."""
    lasts_seconds = requests[-1].at_seconds
    wanted_seconds = len(requests) / REQUESTS_PER_SECOND
    return min(1.0, wanted_seconds / lasts_seconds) if lasts_seconds else 0.0
