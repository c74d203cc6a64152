"""The queues that the commands and the consumer of these tests use, in moto."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from spendgate_service.dead_letters.__main__ import Queues
from tests.support.engines import REGION


@pytest.fixture
def sqs() -> Iterator[Any]:
    """The queues of moto, which has no second server to ask: nothing waits for its answer."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("spendgate_service.dead_letters.redrive._WAIT_SECONDS", 0)
        yield boto3.client("sqs", region_name=REGION)


@pytest.fixture
def queues(sqs: Any) -> Queues:
    """Empty queues, by the names of a stack's."""

    def made(name: str) -> str:
        return str(sqs.create_queue(QueueName=name)["QueueUrl"])

    return Queues(
        dead_letters=made("dead"),
        settlements=made("settlements"),
        undelivered_events=made("events"),
        event_bus="bus",
        undelivered_notifications=made("undelivered"),
        notifications=made("notifications"),
    )
