"""Publish the changes of the table as events."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.handlers.publish import serve
from spendgate_service.app import Spendgate
from spendgate_service.observability import logger, measured

app = Spendgate.from_environment()


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer Lambda about a batch of changes."""
    return serve(event, app)
