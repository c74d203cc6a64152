"""Calls of a model through a guarded transport: plain, streamed, and left."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from spendgate import Spendgate

MODEL = "gpt-4o"
MAX_OUTPUT_TOKENS = 200

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Caller:
    """One application with its agent's name."""

    agent: str
    http: httpx2.Client

    def call(self, prompt: str) -> dict[str, Any] | None:
        """Call the model and return its answer; None if the budget refused it."""
        response = self.http.post("chat/completions", json=self._body(prompt, stream=False))
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            return None
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def stream(self, prompt: str, *, take: int | None = None) -> None:
        """Read a stream to its end, or leave it after so many chunks."""
        body = self._body(prompt, stream=True)
        with self.http.stream("POST", "chat/completions", json=body) as response:
            response.raise_for_status()
            for number, _ in enumerate(_chunks(response), start=1):
                if number == take:
                    break

    def _body(self, prompt: str, *, stream: bool) -> dict[str, Any]:
        return {
            "model": MODEL,
            "messages": [{"role": "user", "content": f"{self.agent}: {prompt}"}],
            "max_tokens": MAX_OUTPUT_TOKENS,
            "stream": stream,
        }


@contextmanager
def caller(guard: Spendgate | None, provider_url: str, agent: str) -> Iterator[Caller]:
    """Open the connections of one application, guarded or not."""
    transport = guard.transport(httpx2, agent=agent) if guard else httpx2.HTTPTransport()
    with httpx2.Client(
        transport=transport, base_url=provider_url, timeout=_TIMEOUT_SECONDS
    ) as http:
        yield Caller(agent, http)


def _chunks(response: httpx2.Response) -> Iterator[dict[str, Any]]:
    """Yield the chunks that have a text."""
    for line in response.iter_lines():
        text = line.removeprefix("data: ")
        if line.startswith("data: ") and text != "[DONE]":
            chunk: dict[str, Any] = json.loads(text)
            if any(choice["delta"].get("content") for choice in chunk["choices"]):
                yield chunk
