"""What the service gets in place of a DynamoDB client and of a pool of threads."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from tests.interleavings.processes import Call
from tests.interleavings.runs import Run


class ScheduledPool(Executor):
    """Work that is submitted becomes a process of its own; outside of a run it is done at once."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return _ScheduledFuture(self._run, lambda: fn(*args, **kwargs))


class _ScheduledFuture(Future[Any]):
    def __init__(self, run: Run, body: Callable[[], object]) -> None:
        super().__init__()
        self._run = run
        self._process = run.spawn(body)

    def result(self, timeout: float | None = None) -> Any:
        assert timeout is None
        process = self._process
        if not process.done:
            self._run.wait(Call("wait", {"for": process.name}))
        if process.error is not None:
            raise process.error
        return process.result


class WaitingClient:
    """A DynamoDB client whose calls wait for the scheduler; outside of a run they do not."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            if self._run.current is None:
                return getattr(self._run.engine, operation)(**arguments)
            return self._run.wait(Call(operation, arguments))

        return call
