"""A TCP proxy through which Docker containers reach the emulator, open while a container runs.

The emulator listens on the loopback address, which a container on Linux cannot reach. It can reach
the address of Docker's bridge. Docker Desktop forwards `host.docker.internal` by itself.
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
    """Yield the URL at which containers reach the local server at `url`."""
    port = urlsplit(url).port
    assert port is not None
    address = _bridge_address()
    try:
        listener = socket.create_server((address, 0))
    except OSError:  # Docker runs in a virtual machine, as Docker Desktop does
        yield f"http://host.docker.internal:{port}"
        return
    with listener:
        Thread(target=_serve, args=(listener, port), daemon=True).start()
        try:
            yield f"http://{address}:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # close() alone does not wake up accept()


def _bridge_address() -> str:
    if shutil.which("docker") is None:
        raise LocalStackError("make invoke runs functions in Docker, and docker is not installed.")
    command = ["docker", "network", "inspect", "bridge"]
    inspected = subprocess.run(command, capture_output=True, text=True, check=False)
    if inspected.returncode:
        raise LocalStackError(f"Docker does not respond: {inspected.stderr.strip()}")
    bridge: Any = json.loads(inspected.stdout)[0]
    addresses = bridge["IPAM"]["Config"][0]
    # Docker reports the gateway only if it was configured; otherwise it is the first address.
    return str(addresses.get("Gateway") or ip_network(addresses["Subnet"])[1])


def _serve(listener: socket.socket, port: int) -> None:
    while True:
        try:
            inside, _ = listener.accept()
        except OSError:  # the proxy is closed
            return
        try:
            outside = socket.create_connection(("127.0.0.1", port))
        except OSError:  # the emulator has stopped meanwhile
            inside.close()
            continue
        Thread(target=_join, args=(inside, outside), daemon=True).start()


def _join(inside: socket.socket, outside: socket.socket) -> None:
    """Copy bytes in both directions until both ends have closed."""
    with inside, outside:
        backward = Thread(target=_copy, args=(outside, inside), daemon=True)
        backward.start()
        _copy(inside, outside)
        backward.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
