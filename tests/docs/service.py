"""The whole service in one process: the functions over a table in memory, behind real HTTP.

A request goes the way it goes in AWS: first to the authorizer, then to the function of its route.
The clock is the test's: ten seconds go by with every request, so that no cached rule is believed.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from spendgate_service.api.routes import route_at
from spendgate_service.app import Spendgate
from spendgate_service.clock import Clock
from spendgate_service.store.client import Table
from spendgate_service.tenants.__main__ import create_operator_key
from tests.support.app import spendgate_over
from tests.support.functions import LongContext, load_function
from tests.support.http_events import authorizer_event, http_event

type Json = dict[str, Any]

START_MS = 1_772_452_800_000  # 2026-03-02T12:00:00Z, a Monday
BETWEEN_REQUESTS_SECONDS = 10
TENANT_ID = "local"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller gets back."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class DeadLetterList:
    """The dead-letter queue, as a list of reasons."""

    reasons: list[str] = field(default_factory=list)

    def dead_letter(self, body: str, *, code: str, reason: str, message_id: str) -> None:
        assert body and code and message_id
        self.reasons.append(reason)


@dataclass
class Service(Clock):
    """The functions, the clock and the keys of the tenant `local`."""

    table: Table
    at_ms: int = START_MS
    keys: dict[str, str] = field(default_factory=dict)
    dead_letters: DeadLetterList = field(default_factory=DeadLetterList)
    requests: int = 0

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None = None
    ) -> Reply:
        """Answer a request as API Gateway would, with the authorizer's word on who calls."""
        self.at_ms += BETWEEN_REQUESTS_SECONDS * 1000
        self.requests += 1
        path, query = unquote(urlsplit(url).path), urlsplit(url).query
        known = self._call("authorizer", authorizer_event(headers))
        event = http_event(
            method,
            path,
            body=body or None,
            principal=known["context"],
            headers=headers,
            request_id=f"req-{self.requests}",
        )
        event["rawQueryString"] = query
        route = route_at(method, path)
        answered = self._call(route.function if route else "admin", event)
        return Reply(answered["statusCode"], answered["headers"], answered["body"])

    def later(self, seconds: int) -> None:
        """Let time go by; the rollover then runs once, as it does every minute."""
        self.at_ms += seconds * 1000
        self._call("rollover", {})

    def deliver(self, *messages: Json) -> None:
        """Deliver messages of the settlement queue as one batch; none may be refused."""
        records = [
            {"messageId": str(number), "body": json.dumps(message), "attributes": {}}
            for number, message in enumerate(messages)
        ]
        answered = self._call("settle", {"Records": records})
        assert answered == {"batchItemFailures": []}
        assert not self.dead_letters.reasons

    def _call(self, function: str, event: Mapping[str, Any]) -> Json:
        answered: Json = self._functions[function].handler(event, LongContext())
        return answered

    @cached_property
    def _functions(self) -> dict[str, ModuleType]:
        names = ("admin", "authorizer", "check", "reserve", "rollover", "settle")
        return {name: load_function(name, self._app) for name in names}

    @cached_property
    def _app(self) -> Spendgate:
        return spendgate_over(self.table, self, dead_letters=self.dead_letters)

    def create_keys(self) -> None:
        """The tenant `local` and its keys, as `make up` makes them."""
        operator = create_operator_key(self.table, self.at_ms)
        tenant = self._created("/v1/tenants", operator, {"tenant_id": TENANT_ID})
        admin = tenant["admin_key"]
        caller = self._created("/v1/keys", admin, {"role": "caller", "name": TENANT_ID})
        self.keys = {"operator": operator, "admin": admin, "caller": caller["secret"]}

    def _created(self, path: str, key: str, body: Json) -> Json:
        reply = self.request("POST", path, bearer(key), json.dumps(body))
        assert reply.status == 201, reply.text
        created: Json = json.loads(reply.text)
        return created


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def service_over(table: Table) -> Service:
    """A service over an empty table, with its clock in the place of the real one."""
    service = Service(table)
    service.create_keys()
    return service


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """The URL under which the service answers, one request after the other."""
    server = HTTPServer(("127.0.0.1", 0), _handler_of(service))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(service: Service) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            reply = service.request(self.command, self.path, dict(self.headers), body)
            content = reply.text.encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
