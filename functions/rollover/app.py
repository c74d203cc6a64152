"""Every minute: close the periods that have ended. Enforcement does not wait for this."""

from collections.abc import Mapping
from typing import Any

from spendgate_service import runtime
from spendgate_service.observability import count, logger, measured
from spendgate_service.periods.run import close_due_periods

TIME_TO_STOP_MS = 10_000
"""How long before the function's time is up it stops; the next run goes on where it stopped."""


class PeriodsFailed(Exception):
    """Some periods could not be closed, each for a reason in the log; the next run tries again."""

    def __init__(self, periods: int) -> None:
        super().__init__(f"{periods} periods could not be closed; the log says why")


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(_event: Mapping[str, Any], context: Any) -> dict[str, object]:
    """Close what is due, as long as there is time."""
    progress = close_due_periods(
        runtime.table(),
        now_ms=runtime.now_ms(),
        has_time=lambda: context.get_remaining_time_in_millis() > TIME_TO_STOP_MS,
        pool=runtime.shards_pool(),
    )
    summary: dict[str, object] = {
        "closed": progress.closed,
        "waiting_for_holds": progress.waiting,
        "failed": progress.failed,
        "ran_out_of_time": progress.ran_out_of_time,
    }
    count("periods_closed", progress.closed)
    logger.info("periods closed", extra=summary)
    if progress.failed:
        raise PeriodsFailed(progress.failed)
    return summary
