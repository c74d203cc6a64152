"""One POST to a receiver: over TLS to an address that was judged before, and never anywhere else.

The name is resolved once. If any of its addresses is not public, nothing is sent. The connection
goes to one of those addresses, with the host's name in TLS, so that a second look at the name never
happens and the certificate must be the host's. Redirects are not followed. The answer's body is not
read: the status says it all.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cache

from spendgate_service.domain.receivers import Receiver, is_public

SECONDS_MAX = 5.0
"""How long a delivery may take: name, connection, TLS, request and answer together."""

ANSWER_BYTES_MAX = 65_536
"""How much of an answer is read at most."""

_CHUNK = 8192
_END_OF_HEADERS = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (?P<status>[1-5][0-9]{2})[ \r]")
_INTERIM = range(100, 200)
_RESOLVING_MAX = 16

type Resolve = Callable[[str], list[str]]
"""Returns the addresses of a host. Raises OSError."""

type Connect = Callable[[str, int, float], socket.socket]
"""Opens a connection to an address and port within some seconds. Raises OSError."""


class DeliveryFailed(Exception):
    """A message was not accepted; the text says why, without the URL."""


class Sender:
    """Posts to receivers. Tests replace the network."""

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        connect: Connect | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        pool: Executor | None = None,
    ) -> None:
        self._resolve = resolve or resolved_by_system
        self._connect = connect or connected
        self._tls = tls or tls_context
        self._pool = pool or ThreadPoolExecutor(_RESOLVING_MAX, thread_name_prefix="resolve")

    def send(self, receiver: Receiver, headers: Mapping[str, str], body: bytes) -> None:
        """Post a body; return if the receiver answers 2xx. Raises DeliveryFailed."""
        deadline = _Deadline()
        request = _request(receiver, headers, body)
        try:
            address = self._judged_address(receiver, deadline)
            with (
                self._connect(address, receiver.port, deadline.left()) as connection,
                self._secured(connection, receiver, deadline) as stream,
            ):
                _send_all(stream, request, deadline)
                status = _status(stream, deadline)
        except (TimeoutError, FutureTimeout):
            raise DeliveryFailed(f"no answer within {SECONDS_MAX:.0f} seconds") from None
        except ssl.SSLError as error:
            raise DeliveryFailed(f"TLS failed: {error.reason or 'no certificate'}") from None
        except OSError as error:
            raise DeliveryFailed(f"the connection failed: {_what(error)}") from None
        if 300 <= status < 400:
            raise DeliveryFailed(f"the receiver answered {status}; redirects are not followed")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"the receiver answered {status}")

    def _judged_address(self, receiver: Receiver, deadline: "_Deadline") -> str:
        """Resolve the host, once, and return an address that may be called."""
        if receiver.is_local:
            return receiver.host
        addresses = self._pool.submit(self._resolve, receiver.host).result(deadline.left())
        if not addresses:
            raise DeliveryFailed("the host has no address")
        if not all(map(is_public, addresses)):
            raise DeliveryFailed("the host has an address that is not public; nothing was sent")
        return min(addresses, key=lambda address: ":" in address)  # functions have IPv4 for sure

    def _secured(
        self, connection: socket.socket, receiver: Receiver, deadline: "_Deadline"
    ) -> socket.socket:
        if receiver.is_local:
            return connection
        connection.settimeout(deadline.left())
        return self._tls().wrap_socket(connection, server_hostname=receiver.host)


class _Deadline:
    def __init__(self) -> None:
        self._ends_at = time.monotonic() + SECONDS_MAX

    def left(self) -> float:
        """Return the seconds left. Raises TimeoutError if there are none."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def resolved_by_system(host: str) -> list[str]:
    """Return the addresses of a host as the system knows them, each once."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connected(address: str, port: int, seconds: float) -> socket.socket:
    """Open a connection to an address, which is not a name."""
    return socket.create_connection((address, port), timeout=seconds)


@cache
def tls_context() -> ssl.SSLContext:
    """Return the settings of TLS: the certificate and the name of the host are checked."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(receiver: Receiver, headers: Mapping[str, str], body: bytes) -> bytes:
    """Write the request; a target has no space and no control character."""
    port = f":{receiver.port}" if receiver.is_local else ""
    lines = [
        f"POST {receiver.target} HTTP/1.1",
        f"host: {receiver.host}{port}",
        "user-agent: Spendgate",
        "accept: */*",
        "connection: close",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("ascii") + _END_OF_HEADERS + body


def _send_all(stream: socket.socket, request: bytes, deadline: _Deadline) -> None:
    left = memoryview(request)
    while left:
        stream.settimeout(deadline.left())
        left = left[stream.send(left) :]


def _status(stream: socket.socket, deadline: _Deadline) -> int:
    """Read the status of the answer, past interim answers."""
    read = b""
    while True:
        while _END_OF_HEADERS not in read:
            if len(read) >= ANSWER_BYTES_MAX:
                raise DeliveryFailed("the answer has more than 64 KB of headers")
            stream.settimeout(deadline.left())
            chunk = stream.recv(min(_CHUNK, ANSWER_BYTES_MAX - len(read)))
            if not chunk:
                raise DeliveryFailed("the receiver closed the connection without an answer")
            read += chunk
        found = _STATUS_LINE.match(read)
        if found is None:
            raise DeliveryFailed("the answer is not HTTP/1.1")
        status = int(found["status"])
        if status not in _INTERIM:
            return status
        read = read.partition(_END_OF_HEADERS)[2]


def _what(error: OSError) -> str:
    """Name an error without the address in it."""
    return error.strerror or type(error).__name__
