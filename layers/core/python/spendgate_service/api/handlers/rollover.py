"""The rollover: close the periods that have ended, once a minute.

Enforcement does not wait for this.
"""

from collections.abc import Mapping
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.observability import count, logger
from spendgate_service.periods.run import close_due_periods

TIME_TO_STOP_MS = 10_000
"""How long before the function's timeout it stops; the next run continues where it stopped."""


class PeriodsFailed(Exception):
    """Some periods could not be closed, each for a reason in the log; the next run retries."""

    def __init__(self, periods: int) -> None:
        super().__init__(f"{periods} periods could not be closed; the log says why")


def roll_over(_event: Mapping[str, Any], context: Any, app: Spendgate) -> dict[str, object]:
    """Close what is due while there is time. Raises PeriodsFailed, WrongSchema."""
    app.require_schema()
    progress = close_due_periods(
        app.table,
        now_ms=app.clock.now_ms(),
        has_time=lambda: context.get_remaining_time_in_millis() > TIME_TO_STOP_MS,
        pool=app.shards_pool,
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
