"""`make console`: the console on two months of history, in one process, for work on it."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

from local.dynamodb_local import dynamodb_local
from tests.console.history import History
from tests.console.service import Service, server
from tests.support.clock import FakeClock
from tests.support.engines import table_at


class StartedClock(FakeClock):
    """Stands while the history is written, and runs once it is started."""

    runs: bool = False

    def start(self) -> None:
        self.runs = True

    def now_ms(self) -> int:
        return int(time.time() * 1000) if self.runs else self.at_ms


@contextmanager
def company() -> Iterator[History]:
    """A service with the history of a company; its clock runs."""
    logging.disable(logging.INFO)
    with dynamodb_local() as url:
        clock = StartedClock()
        history = History(Service(table_at(url), clock))
        with redirect_stdout(StringIO()):  # the metrics of every request
            history.write(until_ms=int(time.time() * 1000))
        clock.start()
        yield history


def main() -> None:
    """Serve the history until it is interrupted."""
    with company() as history:
        running = server(history.service, int(os.environ.get("PORT") or 0))
        print(f"http://127.0.0.1:{running.server_port}/console")
        for role, key in history.keys.items():
            print(f"    {role}: {key}")
        running.serve_forever()


if __name__ == "__main__":
    main()
