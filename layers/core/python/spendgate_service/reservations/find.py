"""Find one reservation."""

from spendgate_service.domain.reservations import Reservation
from spendgate_service.store.client import Table
from spendgate_service.store.reservations import find_reservation_item, found_reservation


def find_reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation:
    """Read a reservation as it is now. One read unit. Raises NotFound."""
    item = find_reservation_item(table, tenant_id, reservation_id)
    return found_reservation(reservation_id, item)
