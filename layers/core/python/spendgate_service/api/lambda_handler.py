"""What every function does around its work: logs carry the request, metrics are published."""

from collections.abc import Callable, Mapping
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.observability import logger, measured

type Serve = Callable[[Mapping[str, Any], Any, Spendgate], dict[str, object]]
type LambdaHandler = Callable[[Mapping[str, Any], Any], dict[str, object]]


def lambda_handler(
    serve: Serve, app: Spendgate, *, correlation_id_path: str | None = None
) -> LambdaHandler:
    """Make the handler that Lambda calls: `serve` responds to an event and its context.

    Its logs forget the keys of the invocation before, and its counts are published at its end,
    whether it fails or not.
    """

    @logger.inject_lambda_context(clear_state=True, correlation_id_path=correlation_id_path)
    @measured
    def handler(event: Mapping[str, Any], context: Any) -> dict[str, object]:
        return serve(event, context, app)

    return handler
