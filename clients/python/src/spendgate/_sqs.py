"""Settlement by SQS (extra `sqs`): the message is durable once the queue has it."""

from __future__ import annotations

from spendgate._deliveries import Delivery
from spendgate.errors import APIConnectionError, ConfigurationError


class SettlementQueue:
    """The settlement queue of a stack."""

    def __init__(self, queue_url: str, tenant_id: str) -> None:
        try:
            import boto3  # noqa: PLC0415 (an extra)
        except ImportError:
            raise ConfigurationError(
                'settlement="sqs" needs boto3: pip install "spendgate[sqs]"'
            ) from None
        self._client = boto3.client("sqs")
        self._queue_url = queue_url
        self._tenant_id = tenant_id

    def send(self, delivery: Delivery) -> None:
        """Send one message; raises APIConnectionError if the queue does not take it."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (an extra)

        try:
            self._client.send_message(
                QueueUrl=self._queue_url, MessageBody=delivery.message(self._tenant_id)
            )
        except (BotoCoreError, ClientError) as error:
            raise APIConnectionError(f"the settlement queue did not take it: {error}") from error
