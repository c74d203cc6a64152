"""The scheduled function that closes periods, run by a test."""

from collections.abc import Callable

from spendgate_service.periods.run import Progress, close_due_periods
from tests.support.world import World


def close(world: World, *, has_time: Callable[[], bool] = lambda: True) -> Progress:
    """Close what is due by the world's clock."""
    return close_due_periods(world.table, now_ms=world.clock.now_ms(), has_time=has_time)
