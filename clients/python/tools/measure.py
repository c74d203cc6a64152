"""What a guarded call costs beside the bare SDK: CPU of this process, waiting time, round trips.

Prints JSON. The provider and the service are stubs in processes of their own, so that only the
client's work is measured. Guarded and bare calls alternate.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CALLS, STREAMS, WARM_UP = 150, 40, 10
STREAMED_WORDS = 200
IMPORTS = 9

_GRANTED = json.dumps(
    {
        "reservation_id": "rsv_1", "state": "held", "expires_at": "2026-01-01T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z", "subjects": {}, "amounts": {"tokens": "1"},
        "action": "continue", "warnings": [], "unpriced": False, "budgets": [],
    }
).encode()  # fmt: skip


class StubService(BaseHTTPRequestHandler):
    """Grants everything; `GET /` says how many requests came."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    requests = 0

    def do_POST(self) -> None:
        """Grant."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        StubService.requests += 1
        self._send(_GRANTED)

    def do_GET(self) -> None:
        """Count."""
        self._send(str(StubService.requests).encode())

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


def serve(role: str) -> None:
    """Serve a stub in this process until standard input closes."""
    if role == "provider":
        from spendgate.testing import FakeProvider

        print(FakeProvider().url, flush=True)
    else:
        server = ThreadingHTTPServer(("127.0.0.1", 0), StubService)
        import threading

        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


@contextmanager
def stub(role: str) -> Iterator[str]:
    """The URL of a stub in a process of its own."""
    with subprocess.Popen(
        [sys.executable, __file__, role], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def arguments(*, words: int) -> dict[str, Any]:
    """Ask for an answer of so many words."""
    messages = [{"role": "user", "content": f"hello !words={words}"}]
    return {"model": "gpt-4o", "messages": messages, "max_tokens": 1024}


def call(client: Any) -> None:
    """Make a call."""
    client.chat.completions.create(**arguments(words=5))


def stream(client: Any) -> None:
    """Read a stream."""
    for _ in client.chat.completions.create(**arguments(words=STREAMED_WORDS), stream=True):
        pass


async def call_async(client: Any) -> None:
    """Make a call in the event loop."""
    await client.chat.completions.create(**arguments(words=5))


def measure(
    work: Callable[[Any], Any], clients: dict[str, Any], times: int = CALLS
) -> dict[str, dict[str, float]]:
    """Median CPU and waiting time of each client, in milliseconds."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    for _ in range(times + WARM_UP):
        for name, client in clients.items():
            cpu, wall = time.process_time(), time.perf_counter()
            work(client)
            taken[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {
        name: {
            "cpu_ms": 1000 * statistics.median(cpu for cpu, _ in measured[WARM_UP:]),
            "wall_ms": 1000 * statistics.median(wall for _, wall in measured[WARM_UP:]),
        }
        for name, measured in taken.items()
    }


def round_trips(service: str, work: Callable[[], Any]) -> int:
    """How many requests one call sends to the service."""
    import httpx2

    before = int(httpx2.get(service).text)
    work()
    return int(httpx2.get(service).text) - before


def measure_calls(provider: str, service: str) -> list[dict[str, Any]]:
    """Every row."""
    from openai import AsyncOpenAI, OpenAI

    from spendgate import AsyncSpendgate, Spendgate

    def sdk(kind: Any) -> Any:
        return kind(base_url=f"{provider}/v1", api_key="x")

    rows = []
    with Spendgate(url=service, api_key="x") as guard:
        clients = {"bare": sdk(OpenAI), "guarded": guard.wrap(sdk(OpenAI), agent="a")}
        kinds = (("call", call, CALLS), (f"stream of {STREAMED_WORDS} chunks", stream, STREAMS))
        for name, work, times in kinds:
            trips = round_trips(service, lambda work=work: work(clients["guarded"]))  # type: ignore[misc]
            rows.append({"name": name, "round_trips": trips, **measure(work, clients, times)})

    with asyncio.Runner() as runner:

        async def made() -> dict[str, Any]:
            guard = AsyncSpendgate(url=service, api_key="x")
            wrapped = guard.wrap(sdk(AsyncOpenAI), agent="a")
            return {"bare": sdk(AsyncOpenAI), "guarded": wrapped}

        def run(client: Any, work: Callable[[Any], Awaitable[None]] = call_async) -> None:
            runner.run(work(client))  # type: ignore[arg-type]

        clients = runner.run(made())
        trips = round_trips(service, lambda: run(clients["guarded"]))
        rows.append({"name": "async call", "round_trips": trips, **measure(run, clients)})
    return rows


def import_seconds(module: str) -> float:
    """How long a fresh process takes to import a module; the median of several, in turn."""
    statement = {"spendgate": "from spendgate import Spendgate"}.get(module, f"import {module}")
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure_imports() -> dict[str, float]:
    """The median import time of spendgate and of httpx2 alone, in milliseconds."""
    taken: dict[str, list[float]] = {"httpx2": [], "spendgate": []}
    for _ in range(IMPORTS):
        for module, times in taken.items():
            times.append(1000 * import_seconds(module))
    return {module: statistics.median(times) for module, times in taken.items()}


def main(arguments: list[str]) -> int:
    """Measure, or be one of the stubs."""
    if arguments:
        serve(arguments[0])
        return 0
    with stub("provider") as provider, stub("service") as service:
        print(json.dumps({"calls": measure_calls(provider, service), "imports": measure_imports()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
