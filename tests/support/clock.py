"""A clock that stands still until a test moves it."""

from dataclasses import dataclass

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
