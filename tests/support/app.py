"""The service over a table of a test: one thread, and a clock that the test moves."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.clock import Clock
from spendgate_service.notifications.queue import Delivery
from spendgate_service.store.client import Table


class Inline(Executor):
    """Runs what it is given at once, in the caller's thread: one order, every time."""

    def submit[**P, T](self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 (a future carries whatever was raised)
            future.set_exception(error)
        return future


class NoBackoff:
    """A queue that delivers failed messages whenever the test does."""

    def delay(self, waits: Mapping[str, int]) -> None:
        assert all(seconds >= 1 for seconds in waits.values())


class ListedNotifications:
    """A queue of notifications that keeps what is sent, and delivers nothing."""

    def __init__(self) -> None:
        self.sent: list[Delivery] = []

    def send(self, deliveries: Iterable[Delivery]) -> None:
        self.sent += deliveries


def spendgate_over(table: Table, clock: Clock | None = None, **parts: object) -> Spendgate:
    """The service over a table; each of the `parts` takes the place of the one of that name."""
    app = Spendgate(table, clock=clock)
    vars(app).update(redelivery=NoBackoff(), notification_queue=ListedNotifications())
    vars(app).update(shards_pool=Inline())  # the engine in memory is for one thread
    vars(app).update(parts)
    return app
