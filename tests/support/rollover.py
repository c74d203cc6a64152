"""The scheduled function that closes periods and charges what has expired, run by a test."""

from collections.abc import Callable

from spendgate_service.periods.run import Progress, close_due_periods
from spendgate_service.settlements.charges import Charged, charge_expired
from tests.support.world import World


def close(world: World, *, has_time: Callable[[], bool] = lambda: True) -> Progress:
    """Close what is due by the world's clock."""
    return close_due_periods(world.table, now_ms=world.clock.now_ms(), has_time=has_time)


def charge(world: World) -> Charged:
    """Charge what has expired by the world's clock."""
    return charge_expired(
        world.table, world.settlements, now_ms=world.clock.now_ms(), has_time=lambda: True
    )
