"""The service in a process of its own, for the tests of the client: the only tie to its code.

Run by the service's Python. It prints one line of JSON (the URL and the keys, as `make up` writes
them), serves until its standard input closes, and obeys `POST /_faults`, by which a test makes the
next responses fail.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from local.dynamodb_local import dynamodb_local
from spendgate_service.store.client import Table
from tests.docs import service as in_process
from tests.support.any_engine import ON_DYNAMODB_LOCAL, table_in_memory
from tests.support.engines import table_at


class Faults:
    """What the next requests to a path meet instead of the service."""

    def __init__(self) -> None:
        self._planned: list[dict[str, Any]] = []

    def plan(self, faults: list[dict[str, Any]]) -> None:
        """Replace the plan; each fault has `path` (a part of it), `status`, `body`, `times`."""
        self._planned = [{"times": 1, **fault} for fault in faults]

    def next_for(self, path: str) -> dict[str, Any] | None:
        """The fault that this request meets."""
        for fault in self._planned:
            if fault["times"] > 0 and fault["path"] in path:
                fault["times"] -= 1
                return fault
        return None


class Service(in_process.Service):
    """The service with the clock of this machine, one request after the other."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class OneAtATime:
    """Keeps two requests from running the functions at once: Lambda never does that either."""

    def __init__(self, service: Service) -> None:
        self.paths: list[str] = []
        self._service = service
        self._lock = threading.Lock()

    def request(self, method: str, url: str, headers: Mapping[str, str], body: str) -> Any:
        """Answer one request."""
        with self._lock:
            self.paths.append(url)
            return self._service.request(method, url, headers, body)

    def deliver(self, message: dict[str, Any]) -> None:
        """Hand a message of the settlement queue to the consumer, which must accept it."""
        with self._lock:
            self._service.deliver(message)


class Front(BaseHTTPRequestHandler):
    """The HTTP front."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: OneAtATime
    faults: Faults

    def answer(self) -> None:
        """Answer a request of a client, or one of the tests' own."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        if self.path == "/_faults":
            self.faults.plan(json.loads(body))
            self.write(200, {}, "{}")
        elif self.path == "/_deliver":
            self.service.deliver(json.loads(body))
            self.write(200, {}, "{}")
        elif self.path == "/_requests":
            self.write(200, {}, json.dumps(self.service.paths))
        else:
            self.serve(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def serve(self, body: str) -> None:
        """Ask the service, unless a fault stands before its work or after it."""
        fault = self.faults.next_for(self.path)
        if fault is None or fault.get("after"):
            reply = self.service.request(self.command, self.path, dict(self.headers), body)
            if fault is None:
                self.write(reply.status, reply.headers, reply.text)
        if fault is not None:
            self.fail(fault)

    def fail(self, fault: Mapping[str, Any]) -> None:
        """Answer with the fault, or not at all."""
        time.sleep(fault.get("seconds", 0))
        if fault.get("drop"):
            self.close_connection = True
            self.connection.close()
            return
        text = json.dumps(fault.get("body", {}))
        self.write(fault["status"], fault.get("headers", {}), text)

    def write(self, status: int, headers: Mapping[str, str], text: str) -> None:
        """Write a response."""
        content = text.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


class QuietServer(ThreadingHTTPServer):
    """A server whose clients may leave at any time."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing."""


@contextmanager
def empty_table() -> Iterator[Table]:
    """A table in the engine that `SPENDGATE_ENGINE` names."""
    if ON_DYNAMODB_LOCAL:
        with dynamodb_local() as url:
            yield table_at(url)
    else:
        yield table_in_memory()


def main() -> int:
    """Serve until standard input closes."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
        LOG_LEVEL="CRITICAL",
    )
    output, sys.stdout = sys.stdout, sys.stderr
    with empty_table() as table:
        service = Service(table)
        service.create_keys()
        Front.service, Front.faults = OneAtATime(service), Faults()
        server = QuietServer(("127.0.0.1", 0), Front)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack = {
            "api_url": f"http://127.0.0.1:{server.server_port}",
            "admin_key": service.keys["admin"],
            "caller_key": service.keys["caller"],
            "operator_key": service.keys["operator"],
            "has_faults": True,
        }
        print(json.dumps(stack), file=output, flush=True)
        sys.stdin.read()
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
