"""The rollover, once a minute: charges, ends of periods and of requests, and usage roll-ups.

Enforcement, decisions and reports do not wait for this.
"""

from collections.abc import Callable, Mapping
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.budgets.increase_requests import expire_requests
from spendgate_service.observability import count, logger
from spendgate_service.periods.run import close_due_periods
from spendgate_service.settlements.charges import charge_expired
from spendgate_service.usage.roll_up import roll_up_usage

TIME_TO_STOP_MS = 10_000
"""How long before the function's timeout it stops; the next run continues where it stopped."""

TIME_FOR_USAGE_MS = 10_000
"""How much of that time is for the usage log, also where many periods have ended."""


class RolloverFailed(Exception):
    """Something could not be done, each for a reason in the log; the next run tries again."""

    def __init__(self, **failed: int) -> None:
        counts = ", ".join(f"{count} {things}" for things, count in failed.items() if count)
        super().__init__(f"could not be done: {counts}; the log says why")


def roll_over(_event: Mapping[str, Any], context: Any, app: Spendgate) -> dict[str, object]:
    """Do what is due while there is time. Raises RolloverFailed, WrongSchema."""
    app.require_schema()
    table, pool, now_ms = app.table, app.shards_pool, app.clock.now_ms()

    def has_time(*, until_ms: int) -> Callable[[], bool]:
        return lambda: context.get_remaining_time_in_millis() > until_ms

    in_time = has_time(until_ms=TIME_TO_STOP_MS + TIME_FOR_USAGE_MS)
    charges = charge_expired(table, app.settlements, now_ms=now_ms, has_time=in_time)
    periods = close_due_periods(table, now_ms=now_ms, has_time=in_time, pool=pool)
    requests = expire_requests(table, now_ms=now_ms, has_time=in_time)
    usage = roll_up_usage(
        table, now_ms=now_ms, has_time=has_time(until_ms=TIME_TO_STOP_MS), pool=pool
    )
    summary: dict[str, object] = {
        "closed": periods.closed,
        "waiting_for_holds": periods.waiting,
        "failed": periods.failed,
        "charged": charges.charged,
        "charges_failed": charges.failed,
        "requests_expired": requests.expired,
        "requests_failed": requests.failed,
        "usage_records": usage.records,
        "usage_failed": usage.failed,
        "ran_out_of_time": periods.ran_out_of_time or usage.ran_out_of_time,
    }
    count("periods_closed", periods.closed)
    logger.info("periods closed", extra=summary)
    failed = {
        "charges": charges.failed,
        "periods": periods.failed,
        "increase_requests": requests.failed,
        "tenants": usage.failed,
    }
    if any(failed.values()):
        raise RolloverFailed(**failed)
    return summary
