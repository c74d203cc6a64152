"""The two ports of the stack: chosen once, saved, and changed only if they are taken."""

import json
import socket
from dataclasses import asdict, dataclass

from local.console import LocalStackError, number, say
from local.paths import PORTS_FILE

_PREFERRED = {"api": 8787, "emulator": 4577}


@dataclass(frozen=True)
class Ports:
    """The ports of the API and the AWS emulator on the loopback address."""

    api: int
    emulator: int


def remembered_ports() -> Ports | None:
    """Read the ports of the stack that runs or last ran in this checkout.

    Raises LocalStackError for a damaged file: with other ports a second stack would start.
    """
    try:
        return Ports(**json.loads(PORTS_FILE.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LocalStackError(
            f"{PORTS_FILE} is damaged ({error}). Stop the stack with make down, remove the file, "
            "and run make up; the stack's data stays."
        ) from None


def choose_ports() -> Ports:
    """Choose free ports: SPENDGATE_API_PORT and SPENDGATE_EMULATOR_PORT, the saved ones or any."""
    last = remembered_ports()
    api = _choose("api", last.api if last else None)
    emulator = _choose("emulator", last.emulator if last else None, excluded=api)
    chosen = Ports(api=api, emulator=emulator)
    PORTS_FILE.parent.mkdir(exist_ok=True)
    temporary = PORTS_FILE.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(chosen)))
    temporary.replace(PORTS_FILE)
    return chosen


def any_free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _choose(name: str, last: int | None, *, excluded: int | None = None) -> int:
    variable = f"SPENDGATE_{name.upper()}_PORT"
    if wanted := number(variable):
        if obstacle := _obstacle(wanted, excluded):
            raise LocalStackError(f"{variable}={wanted} cannot be used: {obstacle}.")
        return wanted
    first_choice = last or _PREFERRED[name]
    if not _obstacle(first_choice, excluded):
        return first_choice
    port = any_free_port()
    say(f"Port {first_choice} is taken; the {name} moves to {port}")
    return port


def _obstacle(port: int, excluded: int | None) -> str:
    """Return why a server cannot listen on this port now, or an empty string if it can."""
    if port == excluded:
        return "the API uses it"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            return str(error)
    return ""
