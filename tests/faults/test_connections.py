"""What a pause does to the connections of a function, and how long a call on one may last."""

import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from spendgate_service.store.clients.boto import (
    CLIENT_CONFIG,
    MESSAGING_CONFIG,
    drop_idle_connections,
)
from spendgate_service.store.clients.connections import IDLE_MS_MAX
from spendgate_service.store.errors import OutcomeUnknown
from tests.support.clock import FakeClock
from tests.support.engines import boto_client_at, lean_client_at, template

_KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Network:
    """A server that keeps connections open, and can forget them without a word to the client."""

    def __init__(self) -> None:
        self.opened = 0
        self.forgotten: set[int] = set()

    def forget_connections(self) -> None:
        """From now on whoever sends on one of them is cut off."""
        self.forgotten |= set(range(1, self.opened + 1))


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def url(network: Network) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            network.opened += 1
            self.number = network.opened

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.number in network.forgotten:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self.close_connection = True
                return
            body = b'{"Attributes": {}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["lean", "boto3"])
def client(request: pytest.FixtureRequest, url: str, clock: FakeClock) -> Iterator[Any]:
    """Each of the two clients, as a function gets it."""
    if request.param == "lean":
        client: Any = lean_client_at(url, now_ms=clock.now_ms)
    else:
        client = boto_client_at.__wrapped__(url)
        drop_idle_connections(client, clock.now_ms)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("function", "config"),
    [
        ("Authorizer", CLIENT_CONFIG),
        ("Settle", MESSAGING_CONFIG),
        ("Publish", MESSAGING_CONFIG),
    ],
)
def test_a_call_that_nobody_answers_ends_long_before_the_function(
    function: str, config: Any
) -> None:
    seconds = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)

    assert seconds * 3 <= template()["Resources"][f"{function}Function"]["Properties"]["Timeout"]


def _write(client: Any) -> None:
    Table(client, "any").update(_KEY, UpdateExpression="SET a = a")


def test_a_write_on_a_connection_that_was_forgotten_has_an_unknown_outcome(
    client: Any, network: Network
) -> None:
    _write(client)
    network.forget_connections()

    with pytest.raises(OutcomeUnknown):
        _write(client)


def test_a_write_after_a_pause_goes_over_a_new_connection(
    client: Any, network: Network, clock: FakeClock
) -> None:
    _write(client)
    network.forget_connections()

    clock.at_ms += IDLE_MS_MAX + 1
    _write(client)

    assert network.opened == 2


def test_a_connection_in_use_is_kept(client: Any, network: Network, clock: FakeClock) -> None:
    for _ in range(3):
        _write(client)
        clock.at_ms += IDLE_MS_MAX

    assert network.opened == 1


@pytest.mark.parametrize("kind", ["lean", "boto3"])
def test_the_client_of_a_function_drops_what_was_idle(
    kind: str, url: str, network: Network, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spendgate_service.app.Clock", lambda: clock)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "TABLE_NAME": "any",
        "DYNAMO_CLIENT": kind,
    }.items():
        monkeypatch.setenv(name, value)
    client: Any = Spendgate.from_environment().table.client
    _write(client)
    clock.at_ms += IDLE_MS_MAX + 1
    _write(client)
    client.close()

    assert network.opened == 2
