"""A provider that answers as OpenAI and Anthropic do, obeys its prompts, and logs what it served.

    with FakeProvider() as provider:
        client = OpenAI(base_url=provider.openai_url, api_key="fake")

`python -m spendgate.testing` serves it on a port until it is stopped; `GET /log` shows the log.
"""

from __future__ import annotations

import itertools
import json
import select
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from spendgate.testing import _formats, _script
from spendgate.testing._formats import Answer
from spendgate.testing._script import Script
from spendgate.testing._tools import tool_call

_LEAVING_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    """One request, and what it is billed at: nothing for most errors."""

    path: str
    model: str
    status: int
    input_tokens: int
    output_tokens: int
    prompt: str

    @property
    def total_tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens


class FakeProvider:
    """A server on this machine, in threads of this process."""

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self._log: list[Served] = []
        self._seen: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._open = 0
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens; the base URL of Anthropic's SDK."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def openai_url(self) -> str:
        """The base URL of OpenAI's SDK."""
        return f"{self.url}/v1"

    def log(self) -> list[Served]:
        """What was served, once every answer has ended."""
        deadline = time.monotonic() + _LEAVING_SECONDS_MAX
        while time.monotonic() < deadline:
            with self._lock:
                if not self._open:
                    return list(self._log)
            time.sleep(0.005)
        raise TimeoutError("an answer has not ended")

    def log_of(self, text: str) -> list[Served]:
        """What was served for prompts that contain a text."""
        return [served for served in self.log() if text in served.prompt]

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, prompt: str, script: Script) -> Script:
        """Count the request; a fault that was asked for a few times ends after them."""
        with self._lock:
            self._open += 1
            self._seen[prompt] += 1
            if self._seen[prompt] > script.times:
                return Script(words=script.words)
        return script

    def _end(self, served: Served | None) -> None:
        with self._lock:
            self._open -= 1
            if served is not None:
                self._log.append(served)

    def _answer(self, body: Mapping[str, Any], prompt: str, script: Script) -> Answer:
        call = tool_call(body, script.calls)
        words = _script.answer_words(script.words) if call is None else [call.arguments]
        written = _script.text_tokens("".join(words)) if script.output is None else script.output
        return Answer(
            id=f"gen-{next(self._ids)}",
            model=body.get("model", ""),
            words=words,
            input_tokens=_script.text_tokens(prompt) if script.input is None else script.input,
            output_tokens=written + script.reasoning,
            reasoning_tokens=script.reasoning,
            with_usage=not script.no_usage,
            call=call,
            body=body,
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may leave at any time."""


def _handler_of(provider: FakeProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        fake = provider

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeProvider

    def do_GET(self) -> None:
        """The log, and for any other path a list of models."""
        if self.path == "/log":
            self._json(200, [asdict(served) for served in self.fake.log()])
        else:
            self._json(200, {"object": "list", "data": []})

    def do_POST(self) -> None:
        """Answer a call to a model."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content)
        path = self.path.partition("?")[0]
        prompt = _script.prompt_text(body)
        script = self.fake._begin(prompt, _script.read_script(prompt))
        if any(name.lower().startswith("spendgate-") for name in self.headers):
            script = replace(script, status=400)  # our headers must not reach a provider
        served: Served | None = None
        try:
            answer = self.fake._answer(body, prompt, script)
            served = self._served(path, answer, prompt, script)
            time.sleep(script.slow)
            self._respond(path, answer, script)
        finally:
            self.fake._end(served)

    def _served(self, path: str, answer: Answer, prompt: str, script: Script) -> Served:
        """What is billed: generated words even if the client left, and answers that got lost."""
        is_error = script.status not in (200, 408, 499, 502, 504, 524)
        output = 0 if path.endswith("/embeddings") else answer.output_tokens
        if answer.body.get("stream") and script.sent_words() < len(answer.words):
            sent = "".join(answer.words[: script.sent_words()])
            output = _script.text_tokens(sent) + script.reasoning
        return Served(
            path,
            answer.model,
            script.status,
            0 if is_error else answer.input_tokens,
            0 if is_error else output,
            prompt,
        )

    def _respond(self, path: str, answer: Answer, script: Script) -> None:
        if script.reset:
            self._hang_up()
        elif script.status != 200:
            self._json(script.status, _formats.error_body(path, script.status))
        elif answer.body.get("stream"):
            self._stream(path, answer, script)
        elif script.drop is not None:
            self._start("application/json", {"Content-Length": "1000"})
            self.wfile.write(b'{"id":')
            self._hang_up()
        else:
            self._json(200, _formats.whole(path, answer))

    def _stream(self, path: str, answer: Answer, script: Script) -> None:
        self._start("text/event-stream", {"Transfer-Encoding": "chunked"})
        for event in _formats.opening(path, answer):
            self._chunk(event)
        for word in answer.words[: script.sent_words()]:
            self._chunk(_formats.word_event(path, answer, word))
            time.sleep(script.pace)
        if script.wait is not None:
            self._wait_until_left()
        elif script.drop is not None:
            self._hang_up()
        else:
            for event in _formats.closing(path, answer):
                self._chunk(event)
            self._chunk(b"")

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def _wait_until_left(self) -> None:
        select.select([self.connection], [], [], _LEAVING_SECONDS_MAX)
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _start(self, content_type: str, headers: Mapping[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _json(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("request-id", "req_fake")
        self.send_header("retry-after-ms", "1")  # so that SDKs retry at once
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""
