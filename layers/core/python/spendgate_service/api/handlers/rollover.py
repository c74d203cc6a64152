"""The rollover, once a minute: close the periods that have ended, and expire increase requests.

Neither enforcement nor a decision waits for this.
"""

from collections.abc import Mapping
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.budgets.increase_requests import expire_requests
from spendgate_service.observability import count, logger
from spendgate_service.periods.run import close_due_periods

TIME_TO_STOP_MS = 10_000
"""How long before the function's timeout it stops; the next run continues where it stopped."""


class PeriodsFailed(Exception):
    """Some periods or requests could not be closed, each for a reason in the log."""

    def __init__(self, *, periods: int, requests: int) -> None:
        super().__init__(
            f"{periods} periods and {requests} increase requests could not be closed; the log says "
            "why, and the next run tries again"
        )


def roll_over(_event: Mapping[str, Any], context: Any, app: Spendgate) -> dict[str, object]:
    """Close what is due while there is time. Raises PeriodsFailed, WrongSchema."""
    app.require_schema()

    def has_time() -> bool:
        return bool(context.get_remaining_time_in_millis() > TIME_TO_STOP_MS)

    now_ms = app.clock.now_ms()
    progress = close_due_periods(app.table, now_ms=now_ms, has_time=has_time, pool=app.shards_pool)
    requests = expire_requests(app.table, now_ms=now_ms, has_time=has_time)
    summary: dict[str, object] = {
        "closed": progress.closed,
        "waiting_for_holds": progress.waiting,
        "failed": progress.failed,
        "requests_expired": requests.expired,
        "requests_failed": requests.failed,
        "ran_out_of_time": progress.ran_out_of_time,
    }
    count("periods_closed", progress.closed)
    logger.info("periods closed", extra=summary)
    if progress.failed or requests.failed:
        raise PeriodsFailed(periods=progress.failed, requests=requests.failed)
    return summary
