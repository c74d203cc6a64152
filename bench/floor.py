"""Measures each operation against its floor: the same calls by plain boto3, arguments prepared.

The handler, from API Gateway's event to the response, and the floor take turns in one process. One
row shows what a reservation would cost if its record were not stored.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.report import Report, median, percentile
from bench.service import ADMIN, CONTEXT, KINDS, Service, service_at
from bench.twins import NotingClient, Sample, Twin, calls_text
from local.dynamodb_local import dynamodb_local
from tests.support.engines import create_table, patient_client_at
from tests.support.http_events import http_event
from tests.support.operation_costs import FULL_BATCH

ROUNDS = 400
BATCH_ROUNDS = 100
"""Each is the mean of a whole batch, so that fewer are as precise."""
WARM_UP_SHARE = 0.1

SUBJECTS = {"agent": "researcher", "session": "s-42"}
_CPU_AIMS = {"reserve": 0.65, "settle": 0.75, "settle 10 from the queue": 0.75}
"""The lean client does more than the calls, in less time than boto3 takes for the calls alone."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A function and its events, one per round."""

    name: str
    function: str
    events: Callable[[Service], Iterator[dict[str, Any]]]
    left_out: tuple[str, ...] = ()
    rounds: int = ROUNDS

    @property
    def warm_up_rounds(self) -> int:
        """The rounds before those that are measured."""
        return int(self.rounds * WARM_UP_SHARE)


def run(console: Console) -> Report:
    """Measure every operation with both clients."""
    title = f"Handler against bare boto3 ({ROUNDS} rounds, {BATCH_ROUNDS} of batches; times in us)"
    report = Report("floor", title)
    with dynamodb_local() as url:
        for budgets in (1, 3):
            for operation in _OPERATIONS:
                for kind in KINDS:
                    with service_at(url, kind=kind, through=NotingClient) as service:
                        name = f"{operation.name}, {budgets} budget{'s' * (budgets > 1)}"
                        row = _measure(service, operation, budgets, f"{name}, {kind}", console)
                    report.add({"operation": name, "client": kind, **row})
                    if kind == KINDS[0] and operation.name in _CPU_AIMS:
                        ratio, most = float(str(row["CPU x"])), _CPU_AIMS[operation.name]
                        report.aim_at_most(f"{name}, CPU against bare boto3", ratio, most)
    report.notes.append("CPU is that of this process with all threads, without the engine.")
    return report


def _measure(
    service: Service, operation: Operation, budgets: int, name: str, console: Console
) -> dict[str, object]:
    noting = service.table.client
    assert isinstance(noting, NotingClient)
    twin_name = f"{service.table.name}-twin"
    bare = patient_client_at(service.url, kind="boto3")
    create_table(bare, twin_name)
    twin = Twin(bare, twin_name)
    for subject in ("agent:researcher", "organization:acme", "session:s-42")[:budgets]:
        service.budget(subject, "1000000")
    handler = service.handler(operation.function)
    events = operation.events(service)
    handled, floor = Sample(), Sample()
    made = ""
    rounds = range(operation.warm_up_rounds + operation.rounds)
    for place in track(rounds, description=f"{name:42}", console=console, transient=True):
        event = next(events)
        twin.prepare(noting.take())()
        noting.left_out = operation.left_out
        handled.take(partial(handler, event, CONTEXT))
        noting.left_out = ()
        calls = noting.take()
        made = made or calls_text(calls) if place > 3 else ""
        floor.take(twin.prepare(calls))
    return _row(made, handled, floor, operation.warm_up_rounds)


def _row(made: str, handled: Sample, floor: Sample, warm_up: int) -> dict[str, object]:
    cpu, least = handled.cpu[warm_up:], floor.cpu[warm_up:]
    waited, waited_least = handled.wall[warm_up:], floor.wall[warm_up:]
    return {
        "calls": made,
        "CPU": round(median(cpu)),
        "floor CPU": round(median(least)),
        "CPU x": round(median(cpu) / median(least), 2),
        "p50": round(median(waited)),
        "floor p50": round(median(waited_least)),
        "p50 x": round(median(waited) / median(waited_least), 2),
        "p99": round(percentile(waited, 0.99)),
        "floor p99": round(percentile(waited_least, 0.99)),
    }


def _reserve_event() -> dict[str, Any]:
    body = {"subjects": SUBJECTS, "amounts": {"usd": "0.05"}, "ttl_seconds": 300}
    return http_event("POST", "/v1/reservations", body=body, principal=ADMIN)


def _reserved(service: Service) -> str:
    return str(json.loads(service.answer(_reserve_event())["body"])["reservation_id"])


def _checks(_service: Service) -> Iterator[dict[str, Any]]:
    while True:
        body = {"subjects": SUBJECTS, "amounts": {"usd": "0.05"}}
        yield http_event("POST", "/v1/check", body=body, principal=ADMIN)


def _reserves(_service: Service) -> Iterator[dict[str, Any]]:
    while True:
        yield _reserve_event()


def _settles(service: Service) -> Iterator[dict[str, Any]]:
    while True:
        path = f"/v1/reservations/{_reserved(service)}/settle"
        yield http_event("POST", path, body={"actual": {"usd": "0.031"}}, principal=ADMIN)


def _releases(service: Service) -> Iterator[dict[str, Any]]:
    while True:
        yield http_event("POST", f"/v1/reservations/{_reserved(service)}/release", principal=ADMIN)


def _extends(service: Service) -> Iterator[dict[str, Any]]:
    while True:
        path = f"/v1/reservations/{_reserved(service)}/extend"
        yield http_event("POST", path, body={"ttl_seconds": 600}, principal=ADMIN)


def _batches(service: Service, size: int = 10) -> Iterator[dict[str, Any]]:
    while True:
        yield {"Records": settle_records([_reserved(service) for _ in range(size)])}


def settle_records(reservation_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return SQS records with a settlement per reservation."""
    message = {"version": 1, "type": "settle", "tenant_id": "acme", "actual": {"usd": "0.031"}}
    return [
        settle_record(json.dumps({**message, "reservation_id": reservation_id}), place=place)
        for place, reservation_id in enumerate(reservation_ids)
    ]


def settle_record(body: str, *, place: int = 0) -> dict[str, Any]:
    """Return the SQS record of a message."""
    return {
        "messageId": f"message-{place}",
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1772971200000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:settlements",
        "awsRegion": "us-east-1",
    }


_OPERATIONS = (
    Operation("check", "check", _checks),
    Operation("reserve", "reserve", _reserves),
    Operation("reserve, nothing stored", "reserve", _reserves, left_out=("put_item",)),
    Operation("settle", "settle", _settles),
    Operation("release", "settle", _releases),
    Operation("extend", "settle", _extends),
    Operation("settle 10 from the queue", "settle", _batches, rounds=BATCH_ROUNDS),
    Operation(
        f"settle {FULL_BATCH} from the queue", "settle", partial(_batches, size=FULL_BATCH),
        rounds=BATCH_ROUNDS,
    ),
)  # fmt: skip
