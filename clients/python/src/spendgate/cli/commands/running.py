"""`run`: hold an amount while a program runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from spendgate import Hold, ReservationFinalized, SpendgateError
from spendgate.cli import options
from spendgate.cli.exits import sentence_of
from spendgate.cli.options import SPEND, amounts_of, command, subjects_of, usage_of
from spendgate.cli.printing import note, warn
from spendgate.cli.session import session

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_FLUSH_SECONDS = 10
_PASSED_ON = ("SIGTERM", "SIGHUP")


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        "run",
        example="spendgate run --agent nightly --usd 0.05 -- python report.py",
        panel=SPEND,
    )(run)


def run(
    program: Annotated[
        list[str], typer.Argument(help="The program and its arguments, after --.", metavar="CMD...")
    ],
    *,
    agent: options.Agent = None,
    subject: options.Subjects = None,
    usd: options.Usd = None,
    amount: options.AmountsOption = None,
    model: options.Model = None,
    input_tokens: options.InputTokens = 0,
    max_output_tokens: options.MaxOutputTokens = None,
    ttl: options.Ttl = 300,
) -> None:
    """Hold an amount, run a program, and settle.

    Exits as the program does, with 75 without running it if a budget refuses. The hold is extended
    while the program runs. The program finds its reservation in SPENDGATE_RESERVATION_ID and may
    settle it itself at what it really spent; otherwise what was held is settled, also if the
    program fails, since it may have spent it. A program that cannot be started spends nothing: its
    hold is released.
    """
    with session.client() as client:
        hold = client.reserve(
            amounts=amounts_of(usd, amount),
            usage=usage_of(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens),
            ttl_seconds=ttl,
            **subjects_of(agent, subject),
        )
        warn(hold.warnings)
        code = _run_under(hold, program)
        if not client.flush(_FLUSH_SECONDS):
            note(f"warning: {hold.id} is not settled yet; its hold expires by itself")
    raise typer.Exit(code)


def _run_under(hold: Hold, program: Sequence[str]) -> int:
    """Run a program and finish its hold; returns the program's exit code."""
    environment = {**os.environ, "SPENDGATE_RESERVATION_ID": str(hold.id)}
    try:
        process = subprocess.Popen(program, env=environment)  # noqa: S603 (what the user asked for)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and shutil.which(program[0]) is None:
            return _not_started(hold, f"{program[0]}: not found", NOT_FOUND)
        why = f"{program[0]}: not executable ({error.strerror})"
        return _not_started(hold, why, NOT_EXECUTABLE)
    _wait(process)
    _finish(hold.settle)
    code = process.returncode
    return 128 - code if code < 0 else code


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for the program, and pass signals on to it."""

    def pass_on(number: int, _frame: object) -> None:
        process.send_signal(number)

    numbers = [getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    # Ctrl-C reaches the program too, which is in the same group; only the program decides.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _not_started(hold: Hold, why: str, code: int) -> int:
    note(f"spendgate: {why}; {hold.id} is released.")
    _finish(hold.release)
    return code


def _finish(finish: Callable[[], Any]) -> None:
    """Settle or release; the program's exit code stands, also if this fails."""
    try:
        finish()
    except ReservationFinalized:
        return  # the program has settled it itself
    except SpendgateError as error:
        note(f"warning: {sentence_of(error)}")
