"""The clock that the service reads: tests replace it with one that they move."""

import time


class Clock:
    """The system's clocks."""

    def now_ms(self) -> int:
        """Return the time of day, in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment; they never go backwards."""
        return time.monotonic()
