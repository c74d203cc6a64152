"""The SDK itself: one attempt for each call, whatever becomes of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spendgate_service.store.client import CLIENT_CONFIG, Table
from spendgate_service.store.errors import OutcomeUnknown
from tests.support.engines import client_at


@contextmanager
def server_that_answers(status: int | None) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every call with that status, or hangs up; notes the calls."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers["X-Amz-Target"])
            self.close_connection = True
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [500, 503, None])
def test_an_update_of_unknown_outcome_is_sent_once(status: int | None) -> None:
    with server_that_answers(status) as (url, seen):
        table = Table(client_at(url), "any", sleep=lambda _seconds: None)

        with pytest.raises(OutcomeUnknown):
            table.update({"pk": {"S": "a"}, "sk": {"S": "b"}}, UpdateExpression="SET a = a")

    assert seen == ["DynamoDB_20120810.UpdateItem"]


def test_the_client_of_the_functions_makes_one_attempt() -> None:
    assert CLIENT_CONFIG.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]
