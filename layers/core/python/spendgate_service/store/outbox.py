"""The outbox: an item for each event about a budget, which the stream's consumer publishes.

The key has the type of event and the period in which it happens once. So an event that is written
twice exists once. Its id is derived from the key.
"""

import hashlib
from dataclasses import dataclass

from spendgate_service.store import keys, values
from spendgate_service.store.values import Item

_ID_DIGITS = 26


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event about a budget; `detail` is JSON, with the fields of the API.

    `expires_at` (epoch seconds) is when TTL may remove it; None: never.
    """

    key: keys.Key
    event_type: str
    occurred_at_ms: int
    detail: str
    expires_at: int | None

    @property
    def item(self) -> Item:
        """The event's item."""
        item = {
            **values.key(self.key),
            "event_type": values.text(self.event_type),
            "event_id": values.text(event_id(self.key)),
            "occurred_at_ms": values.number(self.occurred_at_ms),
            "tenant_id": values.text(keys.tenant_of(self.key[0])),
            "detail": values.text(self.detail),
        }
        if self.expires_at is not None:
            item["expires_ttl"] = values.number(self.expires_at)
        return item


def read_outbox_event(item: Item) -> OutboxEvent:
    """Read an event from its item."""
    return OutboxEvent(
        key=keys.read_key(item),
        event_type=item["event_type"]["S"],
        occurred_at_ms=values.read_number(item["occurred_at_ms"]),
        detail=item["detail"]["S"],
        expires_at=values.read_number(item["expires_ttl"]) if "expires_ttl" in item else None,
    )


def event_id(key: keys.Key, what: str = "") -> str:
    """Derive an event's id from the key of the item that it is about, and what happened to it."""
    digest = hashlib.sha256("\n".join((*key, what)).encode()).hexdigest()
    return f"evt_{digest[:_ID_DIGITS]}"
