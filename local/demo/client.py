"""An HTTP client of the API with persistent connections."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from local.console import LocalStackError

PAGE_SIZE = 100

_TIMEOUT_SECONDS = 30
_CONNECTIONS_MAX = 8


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: dict[str, Any]


class Client:
    """Calls the API with one key; any number of threads may share it."""

    def __init__(self, api_url: str, key: str) -> None:
        self._http = httpx2.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx2.Limits(max_connections=_CONNECTIONS_MAX),
            trust_env=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Send a GET. Raises LocalStackError unless the response is a 200."""
        return _expect(self._send("GET", path, None, query), f"GET {path}", 200)

    def create(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Create an object. Raises LocalStackError unless the response is a 201."""
        return _expect(self._send("POST", path, json.dumps(body)), f"POST {path}", 201)

    def pages(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Yield every page of a list."""
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
        query: Mapping[str, str | int] | None = None,
    ) -> Response:
        """Return the response. Raises LocalStackError if there is none."""
        try:
            response = self._http.request(method, path, content=content, params=query)
        except httpx2.TransportError as error:
            raise LocalStackError(f"The API does not respond to {path}.") from error
        return Response(response.status_code, _object(response.text))


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        read = text
    return read if isinstance(read, dict) else {"unexpected": read}


def _expect(response: Response, what: str, status: int) -> dict[str, Any]:
    if response.status != status:
        raise LocalStackError(
            f"{what} returned {response.status} instead of {status}: {json.dumps(response.body)}"
        )
    return response.body
