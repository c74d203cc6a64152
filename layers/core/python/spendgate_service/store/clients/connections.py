"""Connections to one endpoint: each is used by one call at a time, and kept for the next one.

A kept connection is used again only if it was used within `IDLE_MS_MAX` and its other end has sent
nothing since: a server that closed it has sent the end of the stream.
"""

import select
import socket
import ssl
import weakref
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from spendgate_service.store.clients import NoAnswer, NotSent
from spendgate_service.store.clients.responses import Answer, read_response

CONNECT_SECONDS_MAX: Final = 1
READ_SECONDS_MAX: Final = 2
CONNECTIONS_MAX: Final = 32

IDLE_MS_MAX: Final = 30_000
"""Longer than any call to the table takes: a connection idle for so long is not in use."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where DynamoDB is: an http or https URL without a path, taken apart."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Endpoint":
        """Take a URL apart. Raises ValueError: it has a path, a user, or another scheme."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"{url} is no http or https URL")
        if parts.path.strip("/") or parts.query or parts.username or parts.password:
            raise ValueError(f"{url} has more than a scheme, a host and a port")
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme])

    @property
    def authority(self) -> str:
        """The `Host` header: without the scheme's own port, with brackets around IPv6."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def require_checksum(said: str | None, body: bytes) -> None:
    """Raise NoAnswer if a response says another CRC32 of its body than it has."""
    if said is not None and said != str(zlib.crc32(body)):
        raise NoAnswer("the response of DynamoDB has another CRC32 than it says")


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    used_at_ms: int

    def is_usable(self, now_ms: int) -> bool:
        if not 0 <= now_ms - self.used_at_ms <= IDLE_MS_MAX:
            return False
        try:
            readable, _, _ = select.select([self.socket], [], [], 0)
        except (OSError, ValueError):
            return False
        return not readable


class Connections:
    """The connections to an endpoint; threads may share them."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now_ms: Callable[[], int],
        connect_seconds_max: float = CONNECT_SECONDS_MAX,
        read_seconds_max: float = READ_SECONDS_MAX,
    ) -> None:
        self._endpoint = endpoint
        self._now_ms = now_ms
        self._connect_seconds_max = connect_seconds_max
        self._read_seconds_max = read_seconds_max
        self._tls = ssl.create_default_context() if endpoint.scheme == "https" else None
        self._kept: deque[_Connection] = deque(maxlen=CONNECTIONS_MAX)
        weakref.finalize(self, _close_all, self._kept)

    def exchange(self, request: bytes) -> Answer:
        """Send a whole HTTP request and read its whole response. Raises NotSent and NoAnswer."""
        connection = self._kept_connection() or self._connect()
        try:
            connection.socket.sendall(request)
            with connection.socket.makefile("rb") as stream:
                answer = read_response(stream)
        except (OSError, ValueError) as error:
            connection.socket.close()
            raise NoAnswer(f"no valid response of DynamoDB: {error!r}") from error
        if answer.closes:
            connection.socket.close()
        else:
            connection.used_at_ms = self._now_ms()
            self._kept.append(connection)
        return answer

    def close(self) -> None:
        """Close the connections that no call uses."""
        _close_all(self._kept)

    def _kept_connection(self) -> _Connection | None:
        while True:
            try:
                connection = self._kept.pop()
            except IndexError:
                return None
            if connection.is_usable(self._now_ms()):
                return connection
            connection.socket.close()

    def _connect(self) -> _Connection:
        endpoint = self._endpoint
        try:
            sock = socket.create_connection(
                (endpoint.host, endpoint.port), self._connect_seconds_max
            )
        except OSError as error:
            raise NotSent(f"no connection to {endpoint.authority}: {error}") from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_hostname=endpoint.host)
            sock.settimeout(self._read_seconds_max)
        except OSError as error:
            sock.close()
            raise NoAnswer(f"no connection to {endpoint.authority}: {error}") from error
        return _Connection(sock, self._now_ms())


def _close_all(connections: deque[_Connection]) -> None:
    while connections:
        connections.pop().socket.close()
