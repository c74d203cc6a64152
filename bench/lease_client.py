"""A leasing process for `bench.leases`: the Python client over the service in this process.

Started as `python -m bench.lease_client URL TABLE NUMBER`; each line on its input is a turn:
`{"seconds": 5, "per_second": 100, "entries": "each"}`; `per_second` 0 is as fast as it can. What a
turn leased is captured and given back at its end, and counts.
"""

import json
import os
import sys
import threading
import time
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import Any, Literal, TextIO

from spendgate import Spendgate
from spendgate._deliveries import Delivery
from spendgate._requests import Reply, Request
from spendgate.errors import APIConnectionError, status_error

from bench.floor import settle_record
from bench.report import percentile
from bench.service import ADMIN, CONTEXT, Nowhere, Service, service_on
from spendgate_service.api.routes import ROUTE_BY_KEY
from tests.support.counting_client import CountingClient
from tests.support.http_events import http_event

AGENT = "hot"
ESTIMATE, ACTUAL = {"usd": "0.05"}, {"usd": "0.031"}
_SAMPLED = 10


class InProcessApi:
    """The service's functions where the client expects its HTTP API, and their queue."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()  # a function runs one request at a time
        self.requests = 0
        self.messages = 0

    def send(self, request: Request) -> Reply:
        """Answer a request. Raises APIStatusError."""
        body = request.content.decode() if request.content else None
        event = http_event(
            request.method, request.path, body=body, principal=ADMIN, headers=request.headers
        )
        function = ROUTE_BY_KEY[str(event["routeKey"])].function
        with self._lock:
            self.requests += 1
            answered = self._service.handler(function)(event, CONTEXT)
        status, text = answered["statusCode"], answered["body"]
        if status >= 400:
            raise status_error(status, json.loads(text), answered.get("headers", {}))
        return Reply(status, answered.get("headers", {}), text)

    def take(self, delivery: Delivery) -> None:
        """Give the consumer a message of the queue. Raises APIConnectionError if it fails."""
        record = settle_record(delivery.message("acme"))
        record["attributes"]["SentTimestamp"] = str(time.time_ns() // 1_000_000)
        with self._lock:
            self.messages += 1
            try:
                answered = self._service.handler("settle")({"Records": [record]}, CONTEXT)
            except KeyError as error:  # a message that failed is postponed in a queue of SQS
                raise APIConnectionError("the consumer failed") from error
        if answered["batchItemFailures"]:
            raise APIConnectionError("the consumer returned the message")

    def close(self) -> None:
        """Nothing is open."""


def leasing_guard(api: InProcessApi) -> Spendgate:
    """Make a client whose requests and messages reach the service in this process."""
    guard = Spendgate(
        url="http://in-process", api_key="sg.acme.k.s", settlement="sqs", queue_url="in-process"
    )
    stand_in: Any = api
    guard._runtime.api = guard._api = stand_in
    vars(guard._runtime)["queue"] = SimpleNamespace(send=api.take)
    return guard


def turn(
    service: Service,
    counted: CountingClient,
    *,
    seconds: float,
    per_second: float,
    entries: Literal["gathered", "each"],
) -> dict[str, float]:
    """Admit and settle calls for so long; return what that took."""
    api = InProcessApi(service)
    guard = leasing_guard(api)
    units, calls = counted.write_units, sum(counted.calls.values())
    waited: list[float] = []
    admitted, cpu = 0, time.process_time()
    with guard.lease(amounts={"usd": "1"}, entries=entries, agent=AGENT) as lease:
        started = now = time.perf_counter()
        while now - started < seconds:
            if per_second and admitted / per_second > now - started:
                time.sleep(admitted / per_second - (now - started))
            before = time.perf_counter()
            call = lease.admit(amounts=ESTIMATE)
            now = time.perf_counter()
            if admitted % _SAMPLED == 0:
                waited.append(now - before)
            call.settle(actual=ACTUAL)
            admitted += 1
    return {
        "admitted": admitted,
        "seconds": now - started,
        "cpu": time.process_time() - cpu,
        "p99_us": percentile(waited, 0.99) * 1e6,
        "write_units": counted.write_units - units,
        "calls": sum(counted.calls.values()) - calls,
        "requests": api.requests,
        "messages": api.messages,
    }


def serve(url: str, table: str, responses: TextIO) -> None:
    """Take turns until the input ends."""
    counted: list[CountingClient] = []

    def through(client: Any) -> CountingClient:
        counted.append(CountingClient(client))
        return counted[0]

    with redirect_stdout(Nowhere()), service_on(url, table, through=through) as service:
        print(json.dumps({"ready": True}), file=responses, flush=True)
        for line in sys.stdin:
            result = turn(service, counted[0], **json.loads(line))
            print(json.dumps(result), file=responses, flush=True)


if __name__ == "__main__":
    responses = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the functions log is no response
    serve(sys.argv[1], sys.argv[2], responses)
