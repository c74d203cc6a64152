"""Shows the progress of the replay: a live line on a terminal, otherwise a line every 3 s."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from local.demo.record import Record

_LOOK_SECONDS = 0.5  # between two polls of the queue
_PLAIN_LINE_SECONDS = 3.0


class Display:
    """Shows a growing record; messages in the queue do not count as settled."""

    def __init__(
        self, console: Console, record: Record, requests: int, waiting: Callable[[], int]
    ) -> None:
        self._console, self._record = console, record
        self._requests, self._waiting = requests, waiting
        self._started = self._looked = self._printed = time.monotonic()
        self._in_queue = 0
        self._rate = 0.0
        self._live = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._live.add_task("", total=requests, numbers="")

    def __enter__(self) -> Self:
        """Start the display."""
        self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Show the final numbers."""
        self.look(at_once=True)
        self._live.stop()

    @property
    def numbers(self) -> str:
        """The displayed line."""
        record = self._record
        settled = max(0, record.reported - self._in_queue)
        return (
            f"{record.answered}/{self._requests} requests  {len(record.grants)} granted  "
            f"{len(record.refusals)} refused  {settled} settled  {self._rate:.0f}/s"
        )

    def look(self, *, at_once: bool = False) -> None:
        """Update the display if it is due."""
        now = time.monotonic()
        if at_once or now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._in_queue = self._waiting()
            if self._record.answered < self._requests or not self._rate:
                self._rate = self._record.answered / max(0.001, now - self._started)
        self._live.update(self._task, completed=self._record.answered, numbers=self.numbers)
        if not self._console.is_terminal and (at_once or now - self._printed > _PLAIN_LINE_SECONDS):
            self._printed = now
            self._console.print(f"    {self.numbers}")
