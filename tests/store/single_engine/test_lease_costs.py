"""What the operations of leases cost in units, as the simulation of leases counts them."""

import pytest

from bench.leases import WRITE_UNITS
from spendgate_service.store.client import Table
from tests.support import operation_costs
from tests.support.operation_costs import FULL_BATCH, Cost

COUNTED = {
    "reserve": lambda table: operation_costs.reserve_granted(table, 1),
    "open": lambda table: operation_costs.reserve_granted(table, 1),
    "settle": lambda table: operation_costs.settled(table, 1, FULL_BATCH),
    "capture": lambda table: operation_costs.lease_captured(table, 1, FULL_BATCH),
    "last capture": lambda table: operation_costs.lease_captured(table, 1, 1),
    "release": lambda table: operation_costs.released(table, 1),
    "refusal": lambda table: operation_costs.reserve_refused(table, 1),
    "extend": lambda table: operation_costs.lease_grown(table, 1),
    "renew": lambda table: operation_costs.extended(table, 1),
}


def test_every_operation_of_the_simulation_is_counted() -> None:
    assert COUNTED.keys() == WRITE_UNITS.keys()


@pytest.mark.parametrize("operation", COUNTED)
def test_an_operation_costs_the_units_that_the_simulation_counts(
    local_table: Table, operation: str
) -> None:
    cost: Cost = COUNTED[operation](local_table)

    assert cost.write_units == pytest.approx(WRITE_UNITS[operation], abs=0.05)
