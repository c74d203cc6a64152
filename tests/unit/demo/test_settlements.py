"""Reporting to the queue: what a message says, and that every copy goes out, in other batches."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from local.console import LocalStackError
from local.demo.record import Grant, Record
from local.demo.settlements import BATCH_SIZE, Reporter, message_of
from spendgate_service.api.bodies.messages import read_message
from tests.support.demo import grant


@dataclass
class FakeSqs:
    """Takes batches; refuses the first entry of each of its first few."""

    refuses: int = 0
    batches: list[list[str]] = field(default_factory=list)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "queue"
        failed = []
        if self.refuses:
            self.refuses -= 1
            failed = [{"Id": Entries[0]["Id"]}]
        taken = Entries[len(failed) :]
        ids = [json.loads(entry["MessageBody"])["reservation_id"] for entry in taken]
        self.batches.append(ids)
        return {"Failed": failed}


def report(sqs: FakeSqs, *grants: Grant) -> Record:
    record = Record()
    reporter = Reporter(sqs, "queue", record, tenant_id="t")
    for granted in grants:
        reporter.report(granted)
    reporter.close(while_waiting=lambda: None)
    return record


@pytest.mark.parametrize(
    "changes", [{"tells_amounts": True}, {"tells_amounts": False}, {"outcome": "release"}]
)
def test_every_message_is_one_that_the_service_reads(changes: dict[str, object]) -> None:
    message = message_of(grant(**changes), tenant_id="t")  # type: ignore[arg-type]
    assert read_message(json.dumps(message)).reservation_id == "rsv_0"  # type: ignore[union-attr]


def test_a_small_amount_is_written_without_an_exponent() -> None:
    message = message_of(grant(actual={"usd": Decimal("0.000000015")}), tenant_id="t")
    assert message["actual"] == {"usd": "0.000000015"}


def test_messages_go_out_in_batches_that_sqs_takes() -> None:
    sqs = FakeSqs()
    record = report(sqs, *(grant(number) for number in range(25)))
    assert [len(batch) for batch in sqs.batches] == [BATCH_SIZE, BATCH_SIZE, 5]
    assert record.messages == 25


def test_copies_of_a_message_go_out_in_different_batches() -> None:
    sqs = FakeSqs()
    report(sqs, grant(message_delays_seconds=(0.0, 0.0, 0.0)))
    assert sqs.batches == [["rsv_0"]] * 3


def test_a_message_that_sqs_refuses_is_sent_again() -> None:
    sqs = FakeSqs(refuses=1)
    record = report(sqs, grant(0), grant(1))
    assert sqs.batches == [["rsv_1"], ["rsv_0"]]
    assert record.messages == 2


def test_a_queue_that_takes_nothing_is_told_at_the_end() -> None:
    with pytest.raises(LocalStackError, match="takes no messages"):
        report(FakeSqs(refuses=99), grant())


def test_the_report_is_dated_before_it_is_sent() -> None:
    reported = grant()
    report(FakeSqs(), reported)
    assert reported.reported_at is not None
