"""Runs the AWS emulator with a second port, which serves the HTTP API under a plain URL.

The emulator selects an API by the host name `<api-id>.execute-api.localhost`. This server sets that
host name on each request to the API's port and forwards the request unchanged otherwise. At most
IN_FLIGHT_MAX requests run at once and the others wait: the emulator starts a process for each
concurrent invocation of a function, and a burst would exhaust the memory of a laptop.

Runs in the emulator's environment:
python -m local.emulator.server EMULATOR_PORT API_PORT API_ID_FILE SAVED_FILE
"""

import asyncio
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as emulator
from ministack.core import persistence
from ministack.core.lambda_runtime import Worker
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

IN_FLIGHT_MAX = max(4, 2 * (os.cpu_count() or 1))

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

_NOT_READY = b'{"message":"The API is not deployed yet."}'


class Server:
    """The emulator as an ASGI application that also serves the API's port."""

    def __init__(self, *, emulator_port: int, api_port: int, api_id_file: Path) -> None:
        self._emulator_port = emulator_port
        self._api_port = api_port
        self._api_id_file = api_id_file
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._api_id = ""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the ASGI lifespan events."""
        if scope["type"] != "http" or scope["server"][1] != self._api_port:
            await emulator(scope, receive, send)
            return
        if not (host := self._api_host()):
            await _respond(send, 503, _NOT_READY)
            return
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        api_scope = {**scope, "headers": [(b"host", host), *headers]}
        async with self._in_flight:
            await emulator(api_scope, receive, send)

    def _api_host(self) -> bytes:
        if not self._api_id:
            try:
                self._api_id = self._api_id_file.read_text().strip()
            except FileNotFoundError:
                return b""
        return f"{self._api_id}.execute-api.localhost:{self._emulator_port}".encode()


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _shorten_log_wait() -> None:
    """Wait 5 ms instead of 50 ms for the log lines of a function that logged nothing.

    A later line is not lost: it appears with the function's next invocation.
    """
    drain = Worker._drain_stderr_bounded
    first_line_wait, idle_confirm, hard_cap = 0.005, 0.002, 0.250
    drain.__defaults__ = (first_line_wait, idle_confirm, hard_cap)


def _read_streams_from_their_start() -> None:
    """Make stream consumers start from the beginning after a restart.

    The emulator saves their positions but not the stream: they would skip as many changes as there
    were before the restart.
    """
    restore_state = lambda_svc._restore_state

    def restore_without_positions(data: Message | None) -> None:
        restore_state({**data, "dynamodb_stream_positions": {}} if data else data)

    lambda_svc._restore_state = restore_without_positions


def _deliver_failed_changes_again() -> None:
    """Make stream consumers read a batch again if the function could not process all of it.

    The emulator does so for queues only: a change that a function gave back would be lost.
    """
    execute = lambda_svc._execute_function

    def execute_and_look(function: Message, event: Message) -> Message:
        result: Message = execute(function, event)
        records = event.get("Records") or [{}]
        if records[0].get("eventSource") != "aws:dynamodb" or result.get("error"):
            return result
        body = result.get("body")
        answer = json.loads(body) if isinstance(body, str | bytes) and body else body
        if not (isinstance(answer, dict) and answer.get("batchItemFailures")):
            return result
        reason = {"errorType": "BatchItemFailures", "errorMessage": json.dumps(answer)}
        return {**result, "error": True, "body": reason}

    lambda_svc._execute_function = execute_and_look


def _keep_alarms_of_metric_math() -> None:
    """Create alarms on expressions, which the emulator refuses, without evaluating them.

    Each becomes an alarm on a metric without data, named as the expression.
    """
    record = provisioners._cw_metric_alarm_record

    def record_any(name: str, properties: Message) -> Message:
        properties = dict(properties)
        if metrics := properties.pop("Metrics", None):
            properties["Namespace"] = "not evaluated"
            properties["MetricName"] = metrics[0]["Expression"]
        alarm: Message = record(name, properties)
        return alarm

    provisioners._cw_metric_alarm_record = record_any


class SavedServices:
    """Which services' state was not written: the emulator itself only logs it."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._save_state = persistence.save_state
        persistence.save_state = self._save

    def _save(self, service: str, data: Message) -> None:
        file = Path(persistence.STATE_DIR, f"{service}.json")
        before = _written_at(file)
        self._save_state(service, data)
        if _written_at(file) == before:
            self.failed.append(service)


def _written_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def main() -> None:
    """Serve until a signal stops the emulator, which then writes its state."""
    emulator_port, api_port, api_id_file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    saved = SavedServices()
    _allow_many_connections()
    _shorten_log_wait()
    _read_streams_from_their_start()
    _deliver_failed_changes_again()
    _keep_alarms_of_metric_math()
    config = Config()
    config.bind = [f"127.0.0.1:{emulator_port}", f"127.0.0.1:{api_port}"]
    config.keep_alive_timeout = 75
    server = Server(emulator_port=emulator_port, api_port=api_port, api_id_file=api_id_file)
    asyncio.run(serve(server, config))
    if not saved.failed:
        Path(sys.argv[4]).write_text("all\n")


if __name__ == "__main__":
    main()
