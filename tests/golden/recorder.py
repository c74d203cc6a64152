"""The whole service in memory, with a fixed clock and fixed random numbers, and what it writes.

Everything is replaced below the service, in the standard library, so that a recording depends on
the functions alone and not on how they are built. That is also why it runs in a process of its own.
"""

import json
import os
import random
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any
from unittest.mock import patch

type Json = dict[str, Any]
type Items = dict[tuple[str, str], Json]

NOON_MS = 1_772_971_200_000
"""Noon in UTC on Sunday, 8 March 2026."""

REGION = "us-east-1"
TABLE_NAME = "golden"

VARIABLES = {"AWS_DEFAULT_REGION": REGION, "TABLE_NAME": TABLE_NAME, "DYNAMO_CLIENT": "boto3"}
"""The environment of the functions: boto3's client is the one that is answered in memory."""

_WORDING = re.compile(r'("(?:message|hint)":")(?:[^"\\]|\\.)*')
"""What a response says to people: it is worded anew now and then, and no program goes by it."""


class InlineExecutor(futures.Executor):
    """Runs each task at once in the caller's thread: one order, every time."""

    def __init__(self, *_arguments: object, **_options: object) -> None:
        pass

    def submit[**P, T](self, fn: Any, /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        future: futures.Future[Any] = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 (a future carries every kind of error)
            future.set_exception(error)
        return future


class Clock:
    """The time that the service sees, in milliseconds since the epoch."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


@contextmanager
def fixed_surroundings(clock: Clock) -> Iterator[None]:
    """Fix the time, random numbers and the order of parallel work. Enter before any import."""
    numbers = random.Random(20260308)
    with (
        patch.dict(os.environ, VARIABLES),
        patch.object(time, "time_ns", lambda: clock.now_ms * 1_000_000),
        patch.object(time, "monotonic", lambda: clock.now_ms / 1000),
        patch.object(secrets, "randbits", numbers.getrandbits),
        patch.object(secrets, "token_hex", lambda size=32: numbers.randbytes(size).hex()),
        patch.object(secrets, "token_bytes", lambda size=32: numbers.randbytes(size)),
        patch.object(secrets, "token_urlsafe", lambda _size=32: _not_a_secret(numbers)),
        patch.object(futures, "ThreadPoolExecutor", InlineExecutor),
    ):
        yield


def _not_a_secret(numbers: random.Random) -> str:
    """As long as a secret, and plainly none."""
    return f"not-a-secret-{numbers.randrange(10**30):030}"


class Recorder:
    """Sends requests to the functions and notes each response and each item that changed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.steps: list[Json] = []
        self._before: Items = {}
        self._table = import_module("tests.support.exact_table").ExactTable()
        self._sqs = import_module("boto3").client("sqs", region_name=REGION)
        self._dead_letters = self._sqs.create_queue(QueueName="dead")["QueueUrl"]
        os.environ |= {
            "DEAD_LETTER_QUEUE_URL": self._dead_letters,
            "UNDELIVERED_EVENTS_URL": self._dead_letters,
            "EVENT_BUS_NAME": "golden",
            "EVENT_RETRY_SECONDS": "900",
        }
        self._events: list[Json] = []
        _answer_in_memory(self._table, self._events)
        self._functions = import_module("tests.support.functions")
        self._http_events = import_module("tests.support.http_events")
        self._load = cache(_load_function)

    def call(
        self,
        function: str,
        request: str,
        body: object = None,
        *,
        role: str = "admin",
        tenant: str = "acme",
        key: str | None = None,
        key_id: str = "key_1",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """Send `POST /v1/...` to a function; return the body of its response, if it is JSON."""
        method, _, path = request.partition(" ")
        event = self._http_events.http_event(
            method,
            path,
            body=body,
            query=query,
            headers={"idempotency-key": key} if key else {},
            principal=self._http_events.a_principal(role, tenant_id=tenant, key_id=key_id),
        )
        answer = self._load(function).handler(event, self._functions.LambdaContext())
        response = {"status": answer["statusCode"], "headers": answer["headers"]}
        self._note(request, {**response, "body": _WORDING.sub(r"\1...", answer["body"])})
        is_json = answer["headers"].get("Content-Type") == "application/json"
        parsed: Json = json.loads(answer["body"]) if is_json and answer["body"] else {}
        return parsed

    def queue(self, *messages: Json) -> None:
        """Deliver a batch of messages to the consumer of the settlement queue."""
        records = [
            {
                "messageId": f"message-{place}",
                "body": json.dumps({"version": 1, "tenant_id": "acme", **message}),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for place, message in enumerate(messages)
        ]
        context = self._functions.LambdaContext()
        answer = self._load("settle").handler({"Records": records}, context)
        lines = [
            {"body": message["Body"], "code": message["MessageAttributes"]["code"]}
            for message in self._dead_messages()
        ]
        self._note("settlement queue", {**answer, "dead_letters": lines})

    def authorize(self, bearer: str) -> None:
        """Ask the authorizer about a key."""
        event = self._http_events.authorizer_event({"authorization": f"Bearer {bearer}"})
        answer = self._load("authorizer").handler(event, self._functions.LambdaContext())
        self._note("authorizer", answer)

    def close_periods(self) -> None:
        """Run the scheduled function that closes the periods that have ended."""
        answer = self._load("rollover").handler({}, self._functions.LongContext())
        self._note("rollover", answer)

    def _dead_messages(self) -> list[Json]:
        """Take the messages of the dead-letter queue, in the order of their bodies."""
        found: list[Json] = []
        while True:
            page = self._sqs.receive_message(
                QueueUrl=self._dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages", [])
            if not page:
                return sorted(found, key=lambda message: str(message["Body"]))
            found += page

    def _published(self, before: Items, after: Items) -> list[Json]:
        """The events that the publisher makes of what changed in the table."""
        change = import_module("tests.support.stream_records").change
        records = [
            change(before.get(key), after.get(key), number=number)
            for number, key in enumerate(sorted(before.keys() | after.keys()))
            if before.get(key) != after.get(key)
        ]
        self._load("publish").handler({"Records": records}, self._functions.LambdaContext())
        published = [{**event, "Time": str(event.get("Time"))} for event in self._events]
        self._events.clear()
        return published

    def _note(self, request: str, response: Json) -> None:
        before, after = self._before, self._items()
        self._before = after
        self.steps.append(
            {
                "request": request,
                "now_ms": self.clock.now_ms,
                "response": response,
                "written": [after[key] for key in sorted(after) if after[key] != before.get(key)],
                "deleted": [list(key) for key in sorted(before.keys() - after.keys())],
                "published": self._published(before, after),
            }
        )

    def _items(self) -> Items:
        """All items; the engine never changes one in place."""
        return dict(self._table.items)


def _load_function(name: str) -> ModuleType:
    """The module of a function, as Lambda loads it."""
    path = import_module("tests.support.engines").ROOT / "functions" / name / "app.py"
    spec = spec_from_file_location(f"functions_{name}_app", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _answer_in_memory(table: Any, kept: list[Json]) -> None:
    """Give DynamoDB's calls to that table; accept every call of PutEvents and keep its entries."""
    botocore = import_module("botocore")
    client = import_module("botocore.client").BaseClient
    make_call = client._make_api_call

    def call(self: Any, operation: str, arguments: Json) -> Any:
        if self.meta.service_model.service_name == "dynamodb":
            return getattr(table, botocore.xform_name(operation))(**arguments)
        if operation != "PutEvents":
            return make_call(self, operation, arguments)
        kept.extend(arguments["Entries"])
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"} for _ in arguments["Entries"]]}

    client._make_api_call = call


def canonical_lines(steps: list[Json]) -> str:
    """The steps of a recording, one line of JSON each, with sorted names."""
    return "".join(
        json.dumps(step, sort_keys=True, ensure_ascii=False, default=_binary) + "\n"
        for step in steps
    )


def _binary(value: object) -> str:
    assert isinstance(value, bytes), f"{value!r} is not JSON"
    return value.hex()
