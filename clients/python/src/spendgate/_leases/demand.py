"""How much a holder uses, how much it should have, and when it asks for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spendgate._leases import sizing
from spendgate._leases.amounts import Units, add, parsed
from spendgate._leases.tenure import Tenure


class Demand:
    """The rates of a holder, over all of its reservations."""

    def __init__(self) -> None:
        self.low: dict[str, int] = {}
        """Below this it asks ahead."""
        self._rates: dict[str, sizing.Rate] = {}
        self._used_before: dict[str, int] = {}
        self._available: dict[str, int] = {}
        self._drains: dict[str, sizing.Rate] = {}

    def closed(self, tenure: Tenure) -> None:
        """Keep what a reservation used that is gone."""
        add(self._used_before, tenure.used)

    def read(self, response: Mapping[str, Any], now: float) -> None:
        """Take note of what the tightest budget of each unit has available."""
        available: dict[str, int] = {}
        for balance in response.get("budgets", ()):
            unit, amount = balance["unit"], parsed(balance["available"])
            available[unit] = min(amount, available.get(unit, amount))
        for unit, amount in available.items():
            drain = self._drains.setdefault(unit, sizing.Rate(now, used=-amount))
            drain.observe(-amount, now)
        self._available.update(available)

    def sizes(self, tenure: Tenure, tenures: Sequence[Tenure], now: float) -> dict[str, int]:
        """What the lease should have left of each unit, by what its own rate uses.

        Nothing where its calls are so rare that each may ask for itself.
        """
        used = dict(self._used_before)
        for known in tenures:
            add(used, known.used)
        sizes = {}
        for unit in tenure.granted:
            rate = self._rates.setdefault(unit, sizing.Rate(tenure.opened_at))
            per_second = rate.observe(used.get(unit, 0), now)
            one_request = tenure.last_estimate.get(unit, 0)
            available, drain = self._available.get(unit), self._drains.get(unit)
            sizes[unit] = sizing.target(
                per_second, one_request, available, drain.per_second if drain else 0.0
            )
        self.low = {unit: size // sizing.ASK_AHEAD_SHARE for unit, size in sizes.items()}
        return sizes


def totals(tenure: Tenure, more: Units) -> dict[str, int]:
    """The totals granted that add so much to what a reservation has."""
    return {unit: tenure.granted.get(unit, 0) + max(amount, 0) for unit, amount in more.items()}
