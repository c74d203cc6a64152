"""The wire below the SDK: every call to DynamoDB is numbered, and can be made to fail there.

What fails is the HTTP exchange itself, so that signing, parsing and every retry of the SDK and of
ours are the real ones.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Literal, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from spendgate_service.store.clients.lean import LeanClient
from spendgate_service.store.clients.responses import Answer
from tests.support.faulty_client import Killed

type Send = Callable[[AWSPreparedRequest], AWSResponse]
type Respond = Callable[[AWSPreparedRequest], AWSResponse]
type Executed = Literal["never", "at once", "late"]

READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})


class _Raw(BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_arguments: object) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk


def json_answer(request: AWSPreparedRequest, status: int, body: object) -> AWSResponse:
    """What DynamoDB sends."""
    headers = HeadersDict({"Content-Type": "application/x-amz-json-1.0"})
    return AWSResponse(request.url, status, cast("Any", headers), _Raw(_json(body)))


def _json(body: object) -> bytes:
    """What the wire carries: a binary attribute in base 64."""
    return json.dumps(body, default=lambda binary: base64.b64encode(binary).decode()).encode()


def error_answer(
    request: AWSPreparedRequest, status: int, code: str, **more: object
) -> AWSResponse:
    """What DynamoDB sends when it refuses a call."""
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected", **more}
    return json_answer(request, status, body)


def _conflict(request: AWSPreparedRequest) -> AWSResponse:
    """Another transaction was on the same item, as each kind of write is told."""
    if operation_of(request) != "TransactWriteItems":
        return error_answer(request, 400, "TransactionConflictException")
    writes = json.loads(body_of(request))["TransactItems"]
    reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"}] * (len(writes) - 1)]
    code = "TransactionCanceledException"
    return error_answer(request, 400, code, CancellationReasons=reasons)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a call: what is sent back, or raised, and whether it is executed.

    `late` means after whoever sent it has given up, tried again and got an answer.
    """

    name: str
    answer: Respond | None = None
    error: Callable[[], BaseException] | None = None
    executed: Executed = "never"
    of_writes_only: bool = False

    def can_happen_to(self, operation: str) -> bool:
        """Reads take no part in conflicts, and nobody waits for one that comes late."""
        return not (self.of_writes_only and operation in READS)


def _timeout() -> BaseException:
    return ReadTimeoutError(endpoint_url="http://dynamodb.test")


def _no_connection() -> BaseException:
    return EndpointConnectionError(endpoint_url="http://dynamodb.test")


FAULTS = (
    Fault(
        "throttled",
        lambda request: error_answer(request, 400, "ProvisionedThroughputExceededException"),
    ),
    Fault("500", lambda request: error_answer(request, 500, "InternalServerError")),
    Fault("refused", error=_no_connection),
    Fault("answer lost", error=_timeout, executed="at once"),
    Fault("timed out", error=_timeout),
    Fault("late", error=_timeout, executed="late", of_writes_only=True),
    Fault("conflict", _conflict, of_writes_only=True),
    Fault("killed before", error=Killed),
    Fault("killed after", error=Killed, executed="at once"),
)


@dataclass
class FaultyWire:
    """Stands for the HTTP session of a client.

    `fault_at` says what happens to the nth call (from 1); None: nothing. A process that was killed
    sends nothing any more.
    """

    forward: Send
    calls: list[str] = field(default_factory=list)
    fault_at: Callable[[int, str], Fault | None] = lambda _number, _operation: None
    _late: list[AWSPreparedRequest] = field(default_factory=list)
    _killed: bool = False

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        if self._killed:
            raise Killed
        self.calls.append(operation_of(request))
        fault = self.fault_at(len(self.calls), self.calls[-1])
        if fault is None or not fault.can_happen_to(self.calls[-1]):
            return self.forward(request)
        if fault.executed == "at once":
            self.forward(request)
        elif fault.executed == "late":
            self._late.append(request)
        if fault.error is None:
            assert fault.answer is not None
            return fault.answer(request)
        error = fault.error()
        self._killed = isinstance(error, Killed)
        raise error

    def close(self) -> None:
        """Part of a session; there is nothing to close."""

    def heal(self) -> None:
        """A new process, and a network without faults."""
        self._killed = False
        self.fault_at = lambda _number, _operation: None

    def deliver_late(self) -> None:
        """Execute what was on its way all the time; nobody listens to the answers."""
        late, self._late = self._late, []
        for request in late:
            self.forward(request)


def put_on_wire(client: Any, wire: FaultyWire) -> None:
    """Let a client send through the wire, which forwards with `AWSPreparedRequest`s."""
    if not isinstance(client, LeanClient):
        client._endpoint.http_session = wire  # the SDK offers no other place this low
        return

    def exchange(request: bytes) -> Answer:
        answer = wire.send(_prepared(request))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, headers, answer.content)

    client.exchange = exchange


def sender_of(client: Any) -> Send:
    """Return what sends the requests of a client today."""
    if not isinstance(client, LeanClient):
        send: Send = client._endpoint.http_session.send
        return send
    exchange = client.exchange

    def forward(request: AWSPreparedRequest) -> AWSResponse:
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        answer = exchange(f"POST / HTTP/1.1\r\n{lines}\r\n".encode() + body_of(request))
        headers = HeadersDict(answer.headers)
        return AWSResponse(
            request.url, answer.status, cast("Any", headers), cast("Any", _Raw(answer.body))
        )

    return forward


def _prepared(request: bytes) -> AWSPreparedRequest:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    headers = HeadersDict({name: value for name, _, value in lines})
    url = f"https://{headers['host']}/"
    return AWSPreparedRequest("POST", url, cast("Any", headers), body, stream_output=False)


def operation_of(request: AWSPreparedRequest) -> str:
    """The operation of DynamoDB that a request asks for."""
    headers = cast("Mapping[str, str | bytes]", request.headers)
    target = headers["X-Amz-Target"]
    return (target if isinstance(target, str) else target.decode()).rpartition(".")[2]


def body_of(request: AWSPreparedRequest) -> bytes:
    """The body of a request."""
    body = request.body
    return body if isinstance(body, bytes) else str(body).encode()
