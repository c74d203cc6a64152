"""A server that does what DynamoDB should not: the same outcome by either client, sent once.

The kind: anything but a valid response leaves the outcome of a write unknown, and a call without a
connection was certainly not applied. Nothing is repeated below the store.
"""

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from spendgate_service.clock import Clock
from spendgate_service.store.client import Table
from spendgate_service.store.clients.boto import (
    CLIENT_CONFIG,
    create_command_client,
    create_function_client,
)
from spendgate_service.store.errors import OutcomeUnknown, RequestRejected, Throttled
from tests.support.engines import boto_client_at, lean_client_at

_KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
_BODY = b'{"Attributes": {"pk": {"S": "a"}}}'
_CRC = str(zlib.crc32(_BODY)).encode()


def _response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


GOOD = _response(_BODY, b"x-amz-crc32: " + _CRC)

UNKNOWN = {
    "closed without a response": b"",
    "cut in the status line": GOOD[:9],
    "cut in a header": GOOD[:30],
    "cut in the body": GOOD[:-5],
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
    "another CRC32": _response(_BODY, b"x-amz-crc32: 1"),
    "without a body": _response(b""),
    "500 with HTML": _response(b"<html>oops</html>", status=b"500 Internal Server Error"),
    "502 with HTML": _response(b"<html>oops</html>", status=b"502 Bad Gateway"),
    "503 without a body": _response(b"", status=b"503 Service Unavailable"),
    "503 of another service": _response(b'{"message": null}', status=b"503 Service Unavailable"),
}

REJECTED = {
    "redirected": _response(b"", b"Location: http://example.org/", status=b"307 Moved"),
    "404 with HTML": _response(b"<html>no</html>", status=b"404 Not Found"),
    "400 without a type": _response(b"{}", status=b"400 Bad Request"),
}

LEAN_ONLY = {
    "no JSON": _response(b"{"),
    "no JSON object": _response(b"[]"),
    "compressed although not asked for": _response(gzip.compress(_BODY)),
}
"""boto3 takes what it cannot read for an empty result."""


class Server:
    """Answers each request with the same bytes and closes the connection, or goes silent."""

    def __init__(self, answer: bytes, *, pause: threading.Event | None = None) -> None:
        self.requests = 0
        self._answer = answer
        self._pause = pause
        self._closed = 0
        self._closing = threading.Condition()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._pause:
            self._pause.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if _read_request(connection):
                    self.requests += 1
                connection.sendall(self._answer)
                if self._pause:
                    self._pause.wait()
            with self._closing:
                self._closed += 1
                self._closing.notify_all()

    def wait_until_closed(self, count: int) -> None:
        """Return once so many connections were closed from this side."""
        with self._closing:
            assert self._closing.wait_for(lambda: self._closed >= count, timeout=60)


def _read_request(connection: socket.socket) -> bool:
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65_536)
        if not more:
            return False
        read += more
    head, _, body = read.partition(b"\r\n\r\n")
    (length,) = (
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return True


def _boto3(url: str, **timeouts: float) -> Any:
    changed: Any = {
        name.replace("_seconds_max", "_timeout"): value for name, value in timeouts.items()
    }
    return boto_client_at.__wrapped__(url, CLIENT_CONFIG.merge(Config(**changed)))


CLIENTS: dict[str, Callable[..., Any]] = {"lean": lean_client_at, "boto3": _boto3}


@pytest.fixture(params=CLIENTS)
def client_of(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return CLIENTS[request.param]


def _update(client: Any) -> None:
    waits: list[float] = []
    try:
        Table(client, "any", sleep=waits.append).update(_KEY, UpdateExpression="SET a = a")
    finally:
        client.close()


def test_a_valid_response_is_a_result(client_of: Callable[..., Any]) -> None:
    with Server(GOOD) as server:
        _update(client_of(server.url))
    assert server.requests == 1


@pytest.mark.parametrize("fault", UNKNOWN)
def test_an_invalid_response_leaves_the_outcome_of_a_write_unknown(
    fault: str, client_of: Callable[..., Any]
) -> None:
    with Server(UNKNOWN[fault]) as server, pytest.raises(OutcomeUnknown):
        _update(client_of(server.url))
    assert server.requests == 1


@pytest.mark.parametrize(
    "create",
    [lambda: create_function_client(Clock().now_ms), create_command_client],
    ids=["function", "command"],
)
def test_botocore_as_it_is_deployed_takes_no_cut_response_for_a_result(
    create: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with Server(UNKNOWN["cut in the body"]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(OutcomeUnknown):
            _update(create())
    assert server.requests == 1


@pytest.mark.parametrize("fault", LEAN_ONLY)
def test_the_lean_client_checks_more(fault: str) -> None:
    with Server(LEAN_ONLY[fault]) as server, pytest.raises(OutcomeUnknown):
        _update(lean_client_at(server.url))
    assert server.requests == 1


@pytest.mark.parametrize("fault", REJECTED)
def test_what_is_no_server_error_is_a_rejection(fault: str, client_of: Callable[..., Any]) -> None:
    with Server(REJECTED[fault]) as server, pytest.raises(RequestRejected):
        _update(client_of(server.url))
    assert server.requests == 1


@pytest.mark.parametrize("sent", [b"", GOOD[:20], GOOD[:-5]], ids=["nothing", "a head", "a part"])
def test_a_server_that_goes_silent_leaves_the_outcome_unknown(
    sent: bytes, client_of: Callable[..., Any]
) -> None:
    with Server(sent, pause=threading.Event()) as server, pytest.raises(OutcomeUnknown):
        _update(client_of(server.url, read_seconds_max=0.2))
    assert server.requests == 1


def test_no_connection_means_that_nothing_was_applied(client_of: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Throttled):
        _update(client_of(f"http://127.0.0.1:{port}"))


def test_a_name_without_an_address_means_that_nothing_was_applied(
    client_of: Callable[..., Any],
) -> None:
    with pytest.raises(Throttled):
        _update(client_of("http://dynamodb.invalid"))


def test_a_server_without_tls_leaves_the_outcome_unknown(client_of: Callable[..., Any]) -> None:
    with Server(GOOD) as server, pytest.raises(OutcomeUnknown):
        _update(client_of(server.url.replace("http:", "https:")))


def test_a_certificate_of_no_authority_is_refused_before_anything_is_sent(
    tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    identity = _self_signed(tmp_path / "identity.pem")
    received: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with identity.wrap_socket(connection, server_side=True) as secured:
                received.append(secured.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(OutcomeUnknown):
            _update(client_of(f"https://127.0.0.1:{listening.getsockname()[1]}"))
        thread.join()
    assert received in ([], [b""])


def _self_signed(file: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_connection_that_the_server_closed_is_not_used_again(
    client_of: Callable[..., Any],
) -> None:
    with Server(GOOD) as server:
        client = client_of(server.url)
        table = Table(client, "any", sleep=lambda _seconds: None)
        for number in (1, 2, 3):
            table.update(_KEY, UpdateExpression="SET a = a")
            server.wait_until_closed(number)
        client.close()
    assert server.requests == 3
