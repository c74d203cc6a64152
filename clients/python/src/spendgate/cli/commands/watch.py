"""`watch`: balances that refresh, with what is held."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate import Spendgate
from spendgate.cli import printing
from spendgate.cli.balance_rows import COLUMNS, left_of
from spendgate.cli.options import SEE, command, subjects_of
from spendgate.cli.session import session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from spendgate import models

_BALANCES_MAX = 200
_SHOWN = tuple(column for column in COLUMNS if column.name not in ("budget_id", "limit"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "watch", example="spendgate watch agent:researcher --interval 2", panel=SEE)(watch)


def watch(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(
            help="Subjects as type:id; without one, the tightest.", metavar="SUBJECT..."
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", min=0.2, help="Seconds between two looks.")
    ] = 2.0,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="Stop after so many looks.")
    ] = None,
) -> None:
    """Show balances and holds, refreshed until Ctrl-C; a program gets a table per look."""
    with session.client() as client:
        screens = _screens(_reader(client, subjects or []), interval, count)
        if printing.is_terminal():
            _live(screens)
        else:
            for screen in screens:
                printing.draw(screen)


def _reader(client: Spendgate, subjects: Sequence[str]) -> Callable[[], list[models.Balance]]:
    if subjects:
        named = subjects_of(None, subjects)
        return lambda: client.spend(**named).budgets
    return lambda: sorted(islice(client.balances(), _BALANCES_MAX), key=left_of)


def _screens(
    read: Callable[[], list[models.Balance]], interval: float, count: int | None
) -> Iterator[RenderableType]:
    """One screen per look, with the interval between two."""
    looks = 0
    while count is None or looks < count:
        if looks:
            time.sleep(interval)
        yield _screen(read())
        looks += 1


def _live(screens: Iterator[RenderableType]) -> None:
    from rich.live import Live  # noqa: PLC0415 (only where a terminal is drawn on)

    with Live(
        console=printing.console(), auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    ) as live:
        for screen in screens:
            live.update(screen, refresh=True)


def _screen(balances: list[models.Balance]) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415

    now = datetime.now(UTC).strftime("%H:%M:%SZ")
    held = [balance for balance in balances if balance.held]
    words = f"{len(balances)} balances, {len(held)} with holds, at {now}"
    return Group(printing.table_of(balances, _SHOWN), "", words)
