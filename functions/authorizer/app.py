"""From a bearer to a principal."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.handlers.authorizer import authorize
from spendgate_service.app import Spendgate
from spendgate_service.observability import correlation_paths, logger, measured

app = Spendgate.from_environment()


@logger.inject_lambda_context(
    correlation_id_path=correlation_paths.API_GATEWAY_HTTP, clear_state=True
)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return authorize(event, app)
