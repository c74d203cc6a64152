"""How much a lease takes: what its own rate uses in a few seconds, never much of what is left.

A lease of a fixed size strands what its holder does not use. Here the size follows the rate, up
and down, and shrinks with what the tightest budget has left, so that many holders share the last
of a budget.
"""

from __future__ import annotations

import math

HORIZON_SECONDS = 5.0
"""A lease takes what its rate uses in this time."""

AVAILABLE_SHARE = 8
"""A lease takes at most this part (an eighth) of what the last response said is available."""

ASK_AHEAD_SHARE = 4
"""It asks for more when a quarter of its size is left."""

KEEP_FACTOR = 2
"""It returns what is above so many times its size."""

_SHORTEST_SECONDS = 1.0
_MEMORY_SECONDS = 5.0


class Rate:
    """How much of a unit is used per second: rises at once, falls within seconds."""

    __slots__ = ("_at", "_per_second", "_used")

    def __init__(self, now: float, used: int = 0) -> None:
        self._at = now
        self._used = used
        self._per_second = 0.0

    @property
    def per_second(self) -> float:
        """The rate as last observed."""
        return self._per_second

    def observe(self, used: int, now: float) -> float:
        """Take the total that was used up to now; return the rate."""
        elapsed = now - self._at
        recent = max(0.0, (used - self._used) / max(elapsed, _SHORTEST_SECONDS))
        self._per_second = max(self._per_second, recent)
        if elapsed >= _SHORTEST_SECONDS:
            weight = 1 - math.exp(-elapsed / _MEMORY_SECONDS)
            self._per_second += weight * (recent - self._per_second)
            self._at, self._used = now, used
        return self._per_second


def target(per_second: float, one_request: int, available: int | None, drain: float) -> int:
    """What a lease should have left after asking; 0 if each call should ask for itself.

    `available` is that of the tightest budget by the last response (None: no budget counts the
    unit), and `drain` how much of it all holders use per second. A lease takes its own share of an
    eighth of it, so that all leases together hold an eighth, however many there are.
    """
    wanted = per_second * HORIZON_SECONDS
    if available is not None:
        most = max(0, available) / AVAILABLE_SHARE
        wanted = min(wanted, most, most * per_second / max(drain, per_second, 1e-9))
    return int(wanted) if wanted >= one_request else 0
