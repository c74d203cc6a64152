"""The whole service in this process, over DynamoDB Local, with a clock that can be moved.

`make console` serves it for work on the console, and `make pictures` takes the pictures of the docs
from it. The tests use the local stack.
"""

from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from spendgate_service.api.handlers.console import console_handler
from spendgate_service.api.routes import route_at
from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.engines import ROOT
from tests.support.functions import LambdaContext, LongContext, load_function
from tests.support.http_events import Context, a_principal, authorizer_event, http_event

OPERATOR = a_principal("operator", tenant_id="-")


class Service:
    """Every function over one table, and a clock that can be moved."""

    def __init__(self, table: Table, clock: FakeClock) -> None:
        self.clock = clock
        self.app: Spendgate = spendgate_over(table, clock)
        self._function = cache(load_function)
        self._numbers = count(1)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        principal: Context,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a request to the function of its route, and return the function's response."""
        route = route_at(method, path)
        event = http_event(
            method, path, body=body, principal=principal, headers=headers, query=query,
            request_id=f"req-{next(self._numbers)}",
        )  # fmt: skip
        function = self._function(route.function if route else "admin", self.app)
        response: dict[str, Any] = function.handler(event, LambdaContext())
        return response

    def principal(self, headers: Mapping[str, str]) -> Context:
        """Return what the authorizer says about the key in the headers."""
        authorizer = self._function("authorizer", self.app)
        context: Context = authorizer.handler(authorizer_event(headers), LambdaContext())["context"]
        return context

    def close_periods(self) -> None:
        """Run the scheduled function once."""
        self._function("rollover", self.app).handler({}, LongContext())


def server(service: Service, port: int = 0) -> ThreadingHTTPServer:
    """Make a server of the console and the API."""
    console = console_handler(ROOT / "console")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode() if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            if url.path == "/console" or url.path.startswith("/console/"):
                path = url.path.removeprefix("/console").lstrip("/")
                event = {"headers": headers, "pathParameters": {"path": path} if path else None}
                response = console(event, LambdaContext())
            else:
                response = service.ask(
                    self.command,
                    unquote(url.path),
                    body,
                    principal=service.principal(headers),
                    headers=headers,
                    query=dict(parse_qsl(url.query)),
                )
            self._send(response)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (their names there)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            """Print nothing."""

        def _send(self, response: Mapping[str, Any]) -> None:
            text = response["body"]
            content = b64decode(text) if response.get("isBase64Encoded") else text.encode()
            self.send_response(response["statusCode"])
            for name, value in response["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the browser has left the page
                self.wfile.write(content)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
