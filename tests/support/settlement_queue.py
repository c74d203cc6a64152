"""The settlement queue as the consumer sees it: batches of records, and where bad ones go."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate_service.dead_letters.queue import DeadLetters
from tests.scenarios.service import Service
from tests.support.functions import LambdaContext

TENANT = "acme"

type Record = dict[str, Any]


@dataclass
class RecordingDeadLetters(DeadLetters):
    """A dead-letter queue that keeps which messages it got, and why."""

    codes: list[str] = field(default_factory=list)
    sent_at_ms: list[int | None] = field(default_factory=list)
    message_ids: list[str] = field(default_factory=list)

    def dead_letter(
        self, body: str, *, code: str, reason: str, message_id: str, sent_at_ms: int | None = None
    ) -> None:
        assert body and reason
        self.codes.append(code)
        self.sent_at_ms.append(sent_at_ms)
        self.message_ids.append(message_id)


def finishing(reservation_id: str, actual: Mapping[str, object] | None) -> dict[str, object]:
    """A message that settles a reservation, or releases it where there is no actual cost."""
    about = {"version": 1, "tenant_id": TENANT, "reservation_id": reservation_id}
    if actual is None:
        return {**about, "type": "release"}
    cost = {unit: str(amount) for unit, amount in actual.items()}
    return {**about, "type": "settle", "actual": cost}


def capturing(
    reservation_id: str, captured: Mapping[str, object], returned: Mapping[str, object]
) -> dict[str, object]:
    """A message that reports totals of a lease."""
    totals = {
        name: {unit: str(total) for unit, total in of_units.items()}
        for name, of_units in (("actual", captured), ("returned", returned))
    }
    about = {"version": 1, "tenant_id": TENANT, "reservation_id": reservation_id}
    return {**about, "type": "capture", **totals}


def records(messages: Iterable[object]) -> list[Record]:
    """Messages as SQS delivers them for the first time; each one's id is its place."""
    return [
        {
            "messageId": str(place),
            "receiptHandle": f"receipt-{place}",
            "body": json.dumps(message),
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        for place, message in enumerate(messages)
    ]


def send(service: Service, messages: Iterable[object]) -> None:
    """Deliver messages in one batch; none of them is to come back."""
    answer = service.functions["settle"].handler({"Records": records(messages)}, LambdaContext())
    assert answer == {"batchItemFailures": []}
