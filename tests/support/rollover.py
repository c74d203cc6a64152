"""What the scheduled function does for periods, charges and roll-ups, run by a test."""

from collections.abc import Callable

from spendgate_service.periods.run import Progress, close_due_periods
from spendgate_service.settlements.charges import Charged, charge_expired
from spendgate_service.store.client import Table
from spendgate_service.store.rollups import put_of_state
from tests.support.world import World


def close(world: World, *, has_time: Callable[[], bool] = lambda: True) -> Progress:
    """Close what is due by the world's clock."""
    return close_due_periods(world.table, now_ms=world.clock.now_ms(), has_time=has_time)


def charge(world: World) -> Charged:
    """Charge what has expired by the world's clock."""
    return charge_expired(
        world.table, world.settlements, now_ms=world.clock.now_ms(), has_time=lambda: True
    )


def list_for_rollups(table: Table, tenant_id: str, *, since_ms: int) -> None:
    """Have a tenant's usage rolled up, as its creation at that moment does."""
    table.put(put_of_state(table.name, tenant_id, now_ms=since_ms)["Put"]["Item"])
