"""A post goes to an address that was judged, once, and nowhere else; it never takes long."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from spendgate_service.domain.receivers import Receiver, parse_receiver
from spendgate_service.notifications import sending
from spendgate_service.notifications.sending import DeliveryFailed, Sender
from tests.support.receiver import (
    OK,
    PUBLIC_ADDRESS,
    LocalReceiver,
    Network,
    client_tls,
    local_receiver,
    server_tls,
)

HOST = "hooks.example.com"
HEADERS = {"content-type": "application/json"}
METADATA = "http://169.254.169.254/latest/meta-data/"


def sender_in(network: Network) -> Sender:
    return Sender(resolve=network.resolve, connect=network.connect, tls=client_tls)


def local(receiver: LocalReceiver) -> Receiver:
    return parse_receiver(receiver.url, allow_local=True)


def test_a_receiver_is_called_by_the_address_that_was_judged_and_the_name_of_its_host(
    tmp_path: Path,
) -> None:
    with local_receiver(server_tls(tmp_path, HOST)) as receiver:
        network = Network([[PUBLIC_ADDRESS], ["10.0.0.7"]], receiver.port)

        sender_in(network).send(
            parse_receiver(f"https://{HOST}/services/T1?a=b"), HEADERS, b'{"text": "hi"}'
        )

    assert (network.looks, network.called) == ([HOST], [(PUBLIC_ADDRESS, 443)])
    (request,) = receiver.received
    assert request.line == "POST /services/T1?a=b HTTP/1.1"
    assert (request.headers["host"], request.server_name) == (HOST, HOST)
    assert request.body == b'{"text": "hi"}'


def test_the_certificate_must_be_the_hosts(tmp_path: Path) -> None:
    with local_receiver(server_tls(tmp_path, "other.example.com")) as receiver:
        network = Network([[PUBLIC_ADDRESS]], receiver.port)

        with pytest.raises(DeliveryFailed, match="TLS failed"):
            sender_in(network).send(parse_receiver(f"https://{HOST}/"), HEADERS, b"{}")

    assert receiver.received == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.1.2.3"],
        [PUBLIC_ADDRESS, "192.168.0.1"],
        ["fd00:ec2::254"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["fe80::1%eth0"],
    ],
    ids=str,
)
def test_a_name_with_an_address_that_is_not_public_is_never_called(addresses: list[str]) -> None:
    network = Network([addresses])

    with pytest.raises(DeliveryFailed, match="not public"):
        sender_in(network).send(parse_receiver(f"https://{HOST}/"), HEADERS, b"{}")

    assert network.called == []


def test_a_name_is_looked_up_anew_for_each_post_and_judged_each_time(tmp_path: Path) -> None:
    """The second look leads to this machine: it is refused, and the first was no promise."""
    with local_receiver(server_tls(tmp_path, HOST)) as receiver:
        network = Network([[PUBLIC_ADDRESS], ["127.0.0.1"]], receiver.port)
        sender, to = sender_in(network), parse_receiver(f"https://{HOST}/")

        sender.send(to, HEADERS, b"{}")
        with pytest.raises(DeliveryFailed, match="not public"):
            sender.send(to, HEADERS, b"{}")

    assert network.called == [(PUBLIC_ADDRESS, 443)]


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with local_receiver() as elsewhere, local_receiver() as receiver:
        for place in (METADATA, elsewhere.url):
            receiver.answer = f"HTTP/1.1 {status}\r\nlocation: {place}\r\n\r\n".encode()
            with pytest.raises(DeliveryFailed, match="redirects are not followed"):
                Sender(connect=_only(receiver.port)).send(local(receiver), HEADERS, b"{}")

    assert (receiver.connections, elsewhere.connections) == (2, 0)


def _only(port: int) -> Callable[[str, int, float], socket.socket]:
    """A network in which nothing but this port of this machine may be called."""

    def connect(address: str, wanted: int, seconds: float) -> socket.socket:
        assert (address, wanted) == ("127.0.0.1", port)
        return socket.create_connection((address, wanted), seconds)

    return connect


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 Oops\r\n\r\n", b"HTTP/1.1 404 No\r\n\r\n",
                                    b"HTTP/1.0 429 Slow\r\n\r\n"])  # fmt: skip
def test_only_2xx_is_an_answer_that_counts(answer: bytes) -> None:
    with (
        local_receiver(answer=answer) as receiver,
        pytest.raises(DeliveryFailed, match=f"answered {answer.split()[1].decode()}"),
    ):
        Sender().send(local(receiver), HEADERS, b"{}")


@pytest.mark.parametrize("answer", [
    OK, b"HTTP/1.1 202 Accepted\r\n\r\n", b"HTTP/1.0 204 \r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + OK,
])  # fmt: skip
def test_every_2xx_is_an_answer_that_counts(answer: bytes) -> None:
    with local_receiver(answer=answer) as receiver:
        Sender().send(local(receiver), HEADERS, b"{}")

    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000, "64 KB of headers"),
        (b"", "closed the connection"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not HTTP"),
    ],
    ids=["endless headers", "nothing", "another protocol", "no status"],
)
def test_an_answer_that_is_none_is_a_failure_that_says_why(answer: bytes, why: str) -> None:
    with (
        local_receiver(answer=answer) as receiver,
        pytest.raises(DeliveryFailed, match=why),
    ):
        Sender().send(local(receiver), HEADERS, b"{}")


def test_a_receiver_that_drips_is_left_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time is that of the whole post: each byte that comes does not start it anew."""
    monkeypatch.setattr(sending, "SECONDS_MAX", 0.2)

    def drip(stream: socket.socket) -> None:
        while True:
            stream.sendall(b"x")
            left.wait(0.001)

    left = threading.Event()
    with (
        local_receiver(answer=drip) as receiver,
        pytest.raises(DeliveryFailed, match="no answer within"),
    ):
        Sender().send(local(receiver), HEADERS, b"{}")


def test_a_name_server_that_does_not_answer_is_left_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "SECONDS_MAX", 0.05)
    over = threading.Event()

    def resolve(_host: str) -> list[str]:
        over.wait(10)
        return [PUBLIC_ADDRESS]

    with pytest.raises(DeliveryFailed, match="no answer within"):
        Sender(resolve=resolve).send(parse_receiver(f"https://{HOST}/"), HEADERS, b"{}")
    over.set()


def test_a_failure_names_no_url() -> None:
    def refused(_address: str, _port: int, _seconds: float) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    sender = Sender(resolve=lambda _host: [PUBLIC_ADDRESS], connect=refused)
    with pytest.raises(DeliveryFailed) as failure:
        sender.send(parse_receiver(f"https://{HOST}/services/secret"), HEADERS, b"{}")

    assert str(failure.value) == "the connection failed: Connection refused"


def test_the_system_looks_names_up_and_checks_certificates() -> None:
    assert "127.0.0.1" in sending.resolved_by_system("localhost")
    context = sending.tls_context()
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
