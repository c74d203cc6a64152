"""Moments and spans of time in the query of a request."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from spendgate_service.api.query import refuse

DAY_MS = 86_400_000

_DATE_OR_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2}))?"
)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_ms[T](
    query: Mapping[str, str], name: str, *, default: T, timezone: tzinfo = UTC
) -> int | T:
    """Read a date (its midnight in the time zone) or a moment of RFC 3339, in epoch milliseconds.

    Fractions of a millisecond are rounded up: entries are known to the millisecond. Raises
    InvalidValue.
    """
    if name not in query:
        return default
    moment = _date_or_moment(name, query[name])
    since = (moment if moment.tzinfo else moment.replace(tzinfo=timezone)) - _EPOCH
    return max(0, -(-since // _MILLISECOND))


def _date_or_moment(name: str, text: str) -> datetime:
    """Read a date, which has no time zone, or a moment of RFC 3339. Raises InvalidValue."""
    wanted = "send a date such as 2026-03-01, or a moment such as 2026-03-01T00:15:00Z"
    if not _DATE_OR_MOMENT.fullmatch(text):
        refuse(f"query.{name}", wanted)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        refuse(f"query.{name}", wanted)


def check_order(*, from_ms: int, to_ms: int) -> None:
    """Raise InvalidValue for a span without a moment in it."""
    if to_ms <= from_ms:
        refuse("query.to", "send a moment after from")


def check_span(*, from_ms: int, to_ms: int, now_ms: int) -> None:
    """Raise InvalidValue for a span without a moment in it, or one that ends in a year or later."""
    check_order(from_ms=from_ms, to_ms=to_ms)
    check_end(to_ms, now_ms=now_ms)


def check_end(to_ms: int, *, now_ms: int) -> None:
    """Raise InvalidValue for a span that ends in a year or later."""
    if to_ms > now_ms + 366 * DAY_MS:
        refuse("query.to", "send a moment in the next year at the latest")
