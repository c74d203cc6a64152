"""When recorded spend occurred: which moments a report may name, and which count as now."""

from spendgate_service.domain.errors import InvalidValue

OCCURRED_SECONDS_AGO_MAX = 35 * 86_400
"""How far back a report may go: a month and the days after it in which invoices arrive."""

RETENTION_MARGIN_SECONDS = 86_400
"""What a report may name is kept for a day at least."""

AHEAD_SECONDS_MAX = 60
"""How far a caller's clock may be ahead."""

JUST_NOW_MS_MAX = 60_000
"""A first use that is reported so soon starts the window of a duration, by queue as over HTTP."""


def check_occurred_at(
    occurred_at_ms: int, *, reported_at_ms: int, retention_seconds: int, param: str
) -> None:
    """Raise InvalidValue for a moment that a report of that moment may not name."""
    if occurred_at_ms > reported_at_ms + AHEAD_SECONDS_MAX * 1000:
        raise InvalidValue(
            f"{param}: occurred_at is more than {AHEAD_SECONDS_MAX} seconds in the future; "
            "report spend after it occurred, and check the clock",
            param=param,
        )
    back_seconds = min(OCCURRED_SECONDS_AGO_MAX, retention_seconds - RETENTION_MARGIN_SECONDS)
    if occurred_at_ms < reported_at_ms - back_seconds * 1000:
        raise InvalidValue(
            f"{param}: occurred_at is more than {back_seconds // 86_400} days ago, which is as far "
            "back as spend can be recorded",
            param=param,
        )
