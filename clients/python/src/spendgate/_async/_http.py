"""Sends requests to the service: connections, retries, typed errors."""

from __future__ import annotations

import json
import threading
from typing import Any, TypeVar

import httpx2

from spendgate import _retry
from spendgate._async import _io
from spendgate._requests import USER_AGENT, Reply, Request
from spendgate._settings import Settings
from spendgate.errors import APIConnectionError, APITimeoutError, ConfigurationError, status_error

ModelT = TypeVar("ModelT")


class AsyncAPI:
    """The HTTP API, with its connection pool."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
    ) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._timeout = settings.timeout if timeout is None else timeout
        self._max_retries = settings.max_retries if max_retries is None else max_retries
        self._abandoned: list[httpx2.AsyncClient] = []
        self._client: httpx2.AsyncClient | None = None
        self._binding = _io.LoopBinding()
        self._users = 0

    def retain(self) -> None:
        """Count a client or transport that uses the connections."""
        with self._lock:
            self._users += 1

    async def release(self) -> None:
        """Close the connections with their last user."""
        with self._lock:
            self._users -= 1
            is_last = self._users <= 0
        if is_last:
            await self.aclose()

    async def fetch(self, model: type[ModelT], request: Request) -> ModelT:
        """Send a request and read its response as a model."""
        validate: Any = getattr(model, "model_validate_json")  # noqa: B009 (a pydantic model)
        result: ModelT = validate((await self.send(request)).text)
        return result

    async def send(self, request: Request) -> Reply:
        """Send a request, repeated where that is safe; raises SpendgateError."""
        self._binding.check()
        attempt = 0
        while True:
            is_last = attempt >= self._max_retries
            try:
                response = await self._once(request)
            except httpx2.LocalProtocolError:  # its text may hold a header, such as the API key
                raise ConfigurationError(
                    f"{request.method} {request.path} was not sent: one of its headers has "
                    "characters that HTTP does not allow; check the idempotency key"
                ) from None
            except httpx2.TransportError as error:
                if is_last or isinstance(error, httpx2.UnsupportedProtocol):
                    raise self._connection_error(error) from error
                await _io.sleep(_retry.delay_seconds(attempt))
            else:
                if response.status_code < 400:
                    return Reply(response.status_code, response.headers, response.text)
                body = _body_of(response)
                if is_last or not _retry.is_retryable(response.status_code, body, response.headers):
                    raise status_error(response.status_code, body, response.headers)
                await _io.sleep(_retry.delay_seconds(attempt, response.headers))
            attempt += 1

    async def aclose(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._lock = threading.Lock()
        if self._client is not None:
            self._abandoned.append(self._client)
        self._client = None
        self._binding = _io.LoopBinding()

    async def _once(self, request: Request) -> httpx2.Response:
        headers = {**request.headers, "Content-Type": "application/json"}
        if request.content is None:
            headers = dict(request.headers)
        return await self._connected().request(
            request.method, request.path, content=request.content, headers=headers
        )

    def _connected(self) -> httpx2.AsyncClient:
        """Return the pool of connections; only one is made, however many threads ask at first."""
        with self._lock:
            if self._client is None:
                self._client = self._new_client()
            return self._client

    def _new_client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self._settings.url,
            timeout=self._timeout,
            verify=self._settings.url.startswith("https:"),  # no certificates to load for http
            headers={
                "Authorization": f"Bearer {self._settings.api_key}",
                "User-Agent": USER_AGENT,
                **self._settings.authorship,
            },
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20),
        )

    def _connection_error(self, error: httpx2.TransportError) -> APIConnectionError:
        if isinstance(error, httpx2.TimeoutException):
            return APITimeoutError(
                f"{self._settings.url} did not answer within {self._timeout:g} s"
            )
        return APIConnectionError(f"{self._settings.url} cannot be reached: {error}")


def _body_of(response: httpx2.Response) -> object:
    try:
        body: object = json.loads(response.text)
    except ValueError:
        return None
    return body
