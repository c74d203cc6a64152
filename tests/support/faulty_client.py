"""A DynamoDB client that fails where a test says so, before or after the engine has done the call.

Each fault happens once, at the nth call of an operation. A client whose process was killed makes
no call any more.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient, ErrorAnswer

_URL = "http://dynamodb.test"


class Killed(BaseException):
    """The process is gone; nothing that it would have done next happens."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a call: `applied` if the engine has done it nevertheless."""

    error: Callable[[], BaseException] | None
    applied: bool = False
    meanwhile: Callable[[], object] | None = None


def answered(code: str, status: int) -> Callable[[], BaseException]:
    return lambda: ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Any",
    )


def cancelled(*reasons: str) -> Fault:
    """A transaction that was cancelled, with a reason for each of its writes."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return Fault(lambda: ClientError(response, "TransactWriteItems"))


THROTTLED = Fault(answered("ThrottlingException", 400))
SERVER_ERROR = Fault(answered("InternalServerError", 500))
SERVER_ERROR_BUT_APPLIED = Fault(answered("InternalServerError", 500), applied=True)
NO_CONNECTION = Fault(lambda: EndpointConnectionError(endpoint_url=_URL))
CONNECTION_CLOSED = Fault(lambda: ConnectionClosedError(endpoint_url=_URL))
ANSWER_LOST = Fault(lambda: ReadTimeoutError(endpoint_url=_URL), applied=True)
KILLED_BEFORE = Fault(Killed)
KILLED_AFTER = Fault(Killed, applied=True)


def meanwhile(others_do: Callable[[], object]) -> Fault:
    """Nothing fails, but others come first."""
    return Fault(None, meanwhile=others_do)


@dataclass
class FaultyClient:
    """Passes every call on to an engine, apart from the faults that were ordered."""

    engine: Any
    calls: list[str] = field(default_factory=list)
    killed: bool = False
    _faults: dict[tuple[str, int], Fault] = field(default_factory=dict)

    def fail(self, operation: str, *faults: Fault, at: int = 1) -> None:
        """Order faults for the next calls of an operation, from the `at`th on."""
        done = self.calls.count(operation)
        for place, fault in enumerate(faults):
            self._faults[operation, done + at + place] = fault

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            if self.killed:
                raise Killed
            self.calls.append(operation)
            fault = self._faults.pop((operation, self.calls.count(operation)), None)
            if fault is None:
                return getattr(self.engine, operation)(**arguments)
            return self._with(fault, getattr(self.engine, operation), arguments)

        return call

    def _with(self, fault: Fault, call: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if fault.meanwhile:
            fault.meanwhile()
        if fault.error is None:
            return call(**arguments)
        error = fault.error()
        if fault.applied:
            with suppress(ClientError, ErrorAnswer):  # an error's answer is lost like any other
                call(**arguments)
        self.killed = isinstance(error, Killed)
        raise error


def faulty(table: Table, waits: list[float] | None = None) -> tuple[Table, FaultyClient]:
    """The same table through a client whose calls can be made to fail; notes how long it waits."""
    client = FaultyClient(table.client)
    noted: list[float] = [] if waits is None else waits
    return Table(cast("DynamoClient", client), table.name, sleep=noted.append), client
