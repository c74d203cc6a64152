"""A doorway to the emulator for containers, open only while one runs.

The emulator listens on this machine's own address, which a container on Linux does not reach; what
it reaches is the bridge's. Docker Desktop leads `host.docker.internal` to the former by itself.
"""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from local.console import LocalStackError

_CHUNK = 65_536


@contextmanager
def reachable_from_containers(url: str) -> Iterator[str]:
    """Answer the URL under which containers reach what listens here under `url`."""
    port = urlsplit(url).port
    assert port is not None
    address = _bridge_address()
    try:
        listener = socket.create_server((address, 0))
    except OSError:  # Docker runs in a machine of its own, as Docker Desktop does
        yield f"http://host.docker.internal:{port}"
        return
    with listener:
        Thread(target=_serve, args=(listener, port), daemon=True).start()
        try:
            yield f"http://{address}:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake up who accepts


def _bridge_address() -> str:
    if shutil.which("docker") is None:
        raise LocalStackError("make invoke runs functions in Docker, and docker is not installed.")
    command = ["docker", "network", "inspect", "bridge"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise LocalStackError(f"Docker does not answer: {asked.stderr.strip()}")
    bridge: Any = json.loads(asked.stdout)[0]
    addresses = bridge["IPAM"]["Config"][0]
    # Docker names the gateway only if somebody chose it; it is the subnet's first address then.
    return str(addresses.get("Gateway") or ip_network(addresses["Subnet"])[1])


def _serve(listener: socket.socket, port: int) -> None:
    while True:
        try:
            inside, _ = listener.accept()
        except OSError:  # the doorway is closed
            return
        try:
            outside = socket.create_connection(("127.0.0.1", port))
        except OSError:  # the emulator was stopped meanwhile
            inside.close()
            continue
        Thread(target=_join, args=(inside, outside), daemon=True).start()


def _join(inside: socket.socket, outside: socket.socket) -> None:
    """Carry what either end says to the other one, until both have hung up."""
    with inside, outside:
        answers = Thread(target=_copy, args=(outside, inside), daemon=True)
        answers.start()
        _copy(inside, outside)
        answers.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
