"""Receivers of notifications: a real one on this machine, with and without TLS, and its network."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PUBLIC_ADDRESS = "93.184.215.14"

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    server_name: str | None


@dataclass
class LocalReceiver:
    """A server that answers each request with `answer`, or as `answer` does by the connection."""

    port: int
    answer: bytes | Callable[[socket.socket], None] = OK
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def local_receiver(tls: ssl.SSLContext | None = None, **more: Any) -> Iterator[LocalReceiver]:
    """Serve on a free port, one connection after the other, until the test is over."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        receiver = LocalReceiver(listening.getsockname()[1], **more)
        thread = threading.Thread(target=_serve, args=(listening, receiver, tls), daemon=True)
        thread.start()
        yield receiver
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _serve(listening: socket.socket, receiver: LocalReceiver, tls: ssl.SSLContext | None) -> None:
    names: list[str | None] = [None]
    if tls:
        tls.sni_callback = lambda _socket, name, _context: names.__setitem__(0, name)
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        receiver.connections += 1
        try:
            with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                receiver.received.append(_read(stream, names[0]))
                if callable(receiver.answer):
                    receiver.answer(stream)
                else:
                    stream.sendall(receiver.answer)
        except OSError:
            continue


def _read(stream: socket.socket, server_name: str | None) -> Received:
    with stream.makefile("rb") as lines:
        line = lines.readline().decode().strip()
        headers = {}
        while header := lines.readline().decode().strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = lines.read(int(headers.get("content-length", 0)))
    return Received(line, headers, body, server_name)


@dataclass
class Network:
    """Names and addresses of a test: every address leads to one port of this machine.

    `answers` are what each look at a name gives; the last one is repeated.
    """

    answers: list[list[str]]
    port: int = 0
    looks: list[str] = field(default_factory=list)
    called: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str) -> list[str]:
        self.looks.append(host)
        return self.answers[min(len(self.looks), len(self.answers)) - 1]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.called.append((address, port))
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)


def server_tls(folder: Path, *hosts: str) -> ssl.SSLContext:
    """Return the settings of a server with a certificate for these hosts, by our own authority."""
    certificate, key = certificate_for(hosts)
    file = folder / "server.pem"
    file.write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def client_tls() -> ssl.SSLContext:
    """Return what a client has that trusts our own authority, and checks names."""
    authority, _ = _authority()
    return ssl.create_default_context(
        cadata=authority.public_bytes(serialization.Encoding.PEM).decode()
    )


@cache
def _authority() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_KEY_USAGE_OF_AUTHORITY, critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def certificate_for(hosts: tuple[str, ...]) -> tuple[bytes, bytes]:
    """Issue a certificate; return it and its key, as PEM."""
    authority, authority_key = _authority()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    certificate = (
        _builder(name, authority.subject, key)
        .add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, hosts))), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )


_KEY_USAGE_OF_AUTHORITY = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
