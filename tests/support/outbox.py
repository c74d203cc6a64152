"""The outbox of a table, as the tests look into it."""

import json
from typing import Any

from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.outbox import OutboxEvent, read_outbox_event
from tests.support.ledger_invariants import scan


def outbox(table: Table) -> list[OutboxEvent]:
    """Every event that was put, by what happened."""
    found = [
        read_outbox_event(item)
        for item in scan(table)
        if item["sk"]["S"].startswith(keys.EVENT_PREFIX)
    ]
    return sorted(found, key=lambda event: event.key)


def told(table: Table) -> list[str]:
    """What happened, without when: `threshold_reached-80pct`."""
    return sorted(event.key[1].rpartition("#")[2] for event in outbox(table))


def detail_of(event: OutboxEvent) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(event.detail)
    return parsed
