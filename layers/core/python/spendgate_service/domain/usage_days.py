"""The UTC days by which the usage log is kept, each as `20261128`."""

from datetime import date
from functools import lru_cache

DAY_SECONDS = 86_400
DAY_MS = DAY_SECONDS * 1000

_EPOCH = date(1970, 1, 1).toordinal()


def day_of(moment_ms: int) -> str:
    """Return the day of a moment (epoch milliseconds)."""
    return _day(moment_ms // DAY_MS)


@lru_cache(maxsize=64)
def _day(days_since_epoch: int) -> str:
    return f"{date.fromordinal(_EPOCH + days_since_epoch):%Y%m%d}"


def start_of_day(day: str) -> int:
    """Return the first moment of a day (epoch seconds)."""
    ordinal = date(int(day[:4]), int(day[4:6]), int(day[6:])).toordinal()
    return (ordinal - _EPOCH) * DAY_SECONDS


def days_between(from_ms: int, to_ms: int) -> list[str]:
    """List the days from that of one moment to that of another, both included."""
    return [day_of(day * DAY_MS) for day in range(from_ms // DAY_MS, to_ms // DAY_MS + 1)]
