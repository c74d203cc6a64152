"""The command `spendgate` for many calls: one process imports it once and forks for each call.

What a call is, is what a real one is: its own arguments, environment, directory and streams. Only
the half second of imports is left out.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MESSAGE_MAX = 1 << 20

_CALL = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = {{"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
    socket.send_fds(server, [json.dumps(call).encode() + b"\\n"], [0, 1, 2])
    sys.exit(int(server.recv(16) or b"1"))
"""


@contextmanager
def warm_command(folder: Path) -> Iterator[Path]:
    """A folder for PATH with the command in it."""
    address = str(folder / "socket")
    command = folder / "spendgate"
    command.write_text(_CALL.format(python=sys.executable, address=address), encoding="utf-8")
    command.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, __file__, address]
    with subprocess.Popen(
        program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline(), "the command cannot be imported"
        try:
            yield folder
        finally:
            server.terminate()


def _serve(address: str) -> None:
    from spendgate import models  # noqa: F401, PLC0415
    from spendgate.cli import _main  # noqa: F401, PLC0415
    from spendgate.cli.code import reading  # noqa: F401, PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended calls leave nothing behind
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                if os.fork() == 0:
                    _answer(connection)


def _answer(connection: socket.socket) -> None:
    """Run one call in this process and end it."""
    code = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        message, streams, _, _ = socket.recv_fds(connection, _MESSAGE_MAX, 3)
        while not message.endswith(b"\n"):
            message += connection.recv(_MESSAGE_MAX)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        call = json.loads(message)
        os.chdir(call["cwd"])
        os.environ.clear()
        os.environ.update(call["env"])
        from spendgate.cli import _main  # noqa: PLC0415

        code = _main.run(call["args"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(str(int(code)).encode())
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
