"""`make invoke`: which function an event is for, and how its container reaches the emulator."""

import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.console import LocalStackError
from local.emulator import docker_proxy
from local.invoke import function_of, invoke

BODY = b"x" * 300_000
NOT_OURS = "192.0.2.1"
"""An address of the documentation's network, which no machine has."""


class _Emulator(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        pass


@pytest.fixture
def emulator() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Emulator) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("event", "function"),
    [
        ("events/reserve-granted.json", "ReserveFunction"),
        ("events/settle-from-queue.json", "SettleFunction"),
        ("rollover.json", "RolloverFunction"),
    ],
)
def test_an_event_is_for_the_function_that_it_begins_with(event: str, function: str) -> None:
    assert function_of(Path(event)) == function


def test_an_event_that_is_not_there_is_said_before_anything_is_started() -> None:
    with pytest.raises(LocalStackError, match="no event events/nothing"):
        invoke(Path("events/nothing.json"), "ReserveFunction", [])


def test_what_listens_here_is_reached_through_the_doorway_while_it_is_open(
    emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_proxy, "_bridge_address", lambda: "127.0.0.1")

    with docker_proxy.reachable_from_containers(emulator) as url:
        assert url != emulator
        for _ in range(3):
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.read() == BODY

    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)


def test_where_the_bridge_is_elsewhere_docker_desktop_leads_the_way(
    emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_proxy, "_bridge_address", lambda: NOT_OURS)

    with docker_proxy.reachable_from_containers(emulator) as url:
        assert url == emulator.replace("127.0.0.1", "host.docker.internal")


def test_a_docker_that_does_not_answer_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with (
        pytest.raises(LocalStackError, match="docker is not installed"),
        docker_proxy.reachable_from_containers("http://127.0.0.1:1"),
    ):
        pass
