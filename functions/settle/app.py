"""Settle, release, extend and record: over HTTP, or in batches from SQS."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.handlers.settle import serve
from spendgate_service.app import Spendgate
from spendgate_service.observability import logger, measured

app = Spendgate.from_environment()


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway about a request, or SQS about a batch of messages."""
    return serve(event, app)
