"""Clocks of tests: one that stands still until a test moves it, and one that never does."""

from dataclasses import dataclass
from datetime import UTC, datetime

from spendgate_service.clock import Clock

NOON_MS = 1_772_971_200_000
"""2026-03-08T12:00:00Z, a Sunday."""


@dataclass(slots=True)
class FakeClock(Clock):
    """Wall clock and monotonic clock in one, so that holds and caches run out together."""

    at_ms: int = NOON_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    def advance(self, seconds: float) -> None:
        self.at_ms += int(seconds * 1000)


def in_seconds(clock: FakeClock, seconds: float) -> str:
    """The moment so much later, as RFC 3339."""
    at = datetime.fromtimestamp(clock.at_ms / 1000 + seconds, UTC)
    return at.isoformat().replace("+00:00", "Z")


class OnwardClock(Clock):
    """The system's clocks; each reading of the time of day is a later millisecond.

    In memory two requests take less than one, and a span that ends now has nothing of now.
    """

    def __init__(self) -> None:
        self._last_ms = 0

    def now_ms(self) -> int:
        self._last_ms = max(super().now_ms(), self._last_ms + 1)
        return self._last_ms
