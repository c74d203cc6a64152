"""The HTTP API as the demo's callers use it, over connections that are kept."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from local.console import LocalStackError

TRIES_MAX = 4
PAGE_SIZE = 100

_TIMEOUT_SECONDS = 30
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


class Client:
    """Calls the API with one key; any number of threads may share it."""

    def __init__(self, api_url: str, key: str, *, connections: int = 8) -> None:
        self._http = httpx2.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx2.Limits(max_connections=connections),
            trust_env=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def post(
        self, path: str, body: Mapping[str, object], *, idempotency_key: str | None = None
    ) -> Answer:
        """Send a POST; what was not answered for certain is sent again if the key makes it safe."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        for _ in range(TRIES_MAX - 1 if idempotency_key else 0):
            answer = self._send("POST", path, json.dumps(body), headers)
            if answer is not None and answer.status < 500:
                return answer
            time.sleep(_PAUSE_SECONDS)
        return self._certain(self._send("POST", path, json.dumps(body), headers), path)

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Read something; raises LocalStackError for anything but a 200."""
        answer = self._certain(self._send("GET", path, None, {}, query), path)
        return _expect(answer, f"GET {path}", 200)

    def create(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Create something; raises LocalStackError for anything but a 201."""
        return _expect(self.post(path, body), f"POST {path}", 201)

    def pages(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Every page of something that comes in pages."""
        while True:
            page = self.get(path, limit=PAGE_SIZE, **query)
            yield page
            if page.get("next_cursor") is None:
                return
            query["cursor"] = page["next_cursor"]

    def _send(
        self,
        method: str,
        path: str,
        content: str | None,
        headers: Mapping[str, str],
        query: Mapping[str, str | int] | None = None,
    ) -> Answer | None:
        """The answer, or None if there was none."""
        try:
            answer = self._http.request(
                method, path, content=content, headers=headers, params=query
            )
        except httpx2.TransportError:
            return None
        return Answer(answer.status_code, answer.headers, _object(answer.text))

    @staticmethod
    def _certain(answer: Answer | None, path: str) -> Answer:
        if answer is None:
            raise LocalStackError(f"The API does not answer on {path}.")
        return answer


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        read = text
    return read if isinstance(read, dict) else {"unexpected": read}


def _expect(answer: Answer, what: str, status: int) -> dict[str, Any]:
    if answer.status != status:
        raise LocalStackError(
            f"{what} answers {answer.status} instead of {status}: {json.dumps(answer.body)}"
        )
    return answer.body
