"""Administration, and every request that no other route takes."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.dispatch import handle
from spendgate_service.api.handlers.admin import ROUTES
from spendgate_service.app import Spendgate
from spendgate_service.observability import logger, measured

app = Spendgate.from_environment()


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return handle(event, ROUTES, app)
