"""Find one reservation."""

from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.reservations import Reservation
from spendgate_service.store.client import Table
from spendgate_service.store.reservations import find_reservation_item, read_reservation


def find_reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation:
    """Read a reservation as it is now. One read unit. Raises NotFound."""
    item = find_reservation_item(table, tenant_id, reservation_id)
    if item is None:
        raise NotFound("reservation", reservation_id)
    return read_reservation(reservation_id, item)
