"""Close the periods that have ended, once a minute."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.handlers.rollover import roll_over
from spendgate_service.app import Spendgate
from spendgate_service.observability import logger, measured

app = Spendgate.from_environment()


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(_event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """Answer the schedule."""
    return roll_over(app, remaining_ms=context.get_remaining_time_in_millis)
