"""Reports of what was spent, on their way to the service."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from spendgate._requests import Request, encode
from spendgate.errors import APIStatusError, Unavailable, UnprocessableEntityError

_MOMENT = "body.occurred_at"

Kind = Literal["settle", "release", "record", "capture"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One settlement, release or record. Sent twice, it counts once."""

    kind: Kind
    target: str
    """The id of the reservation; for a record its idempotency key."""
    body: Mapping[str, Any] = field(default_factory=dict)
    tokens: int = 0
    """The tokens of the usage, for when the service cannot price it."""
    id: str = field(default_factory=lambda: f"{time.time_ns():020d}-{uuid.uuid4().hex}")

    def request(self) -> Request:
        """The request over HTTP."""
        content = encode(self.body)
        if self.kind == "record":
            return Request("POST", "/v1/spend", content, {"Idempotency-Key": self.target})
        return Request("POST", f"/v1/reservations/{self.target}/{self.kind}", content)

    def message(self, tenant_id: str) -> str:
        """The same as a message of the settlement queue."""
        name = "event_id" if self.kind == "record" else "reservation_id"
        head = {"version": 1, "type": self.kind, "tenant_id": tenant_id, name: self.target}
        return encode({**head, **self.body}).decode()

    def to_json(self) -> str:
        """For the journal."""
        fields = {
            "version": 1, "kind": self.kind, "target": self.target, "tokens": self.tokens,
            "id": self.id, "body": json.loads(encode(self.body)),
        }  # fmt: skip
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> Delivery:
        """Read an entry of the journal; raises ValueError if it is none."""
        fields = json.loads(text)
        try:
            if fields.pop("version") != 1:
                raise ValueError("an entry of another version")
            return cls(**fields)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not an entry of the journal: {error}") from error


def moment() -> str:
    """Return the time of this machine, as the API takes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def fallback(delivery: Delivery, error: APIStatusError) -> Delivery | None:
    """What to send where the service cannot price a usage: its tokens.

    The units that are not named settle at their estimate, so that no spend is lost. A record whose
    moment is too old or, by a wrong clock, in the future counts from now.
    """
    if not isinstance(error, UnprocessableEntityError):
        return None
    if error.param == _MOMENT and "occurred_at" in delivery.body:
        timeless = {name: value for name, value in delivery.body.items() if name != "occurred_at"}
        return replace(delivery, body=timeless)
    if "usage" not in delivery.body:
        return None
    body = {name: value for name, value in delivery.body.items() if name != "usage"}
    return replace(delivery, body={**body, "actual": {"tokens": delivery.tokens}})


def is_temporary(error: Exception) -> bool:
    """Whether the same delivery may succeed later."""
    if isinstance(error, Unavailable):
        return True
    return isinstance(error, APIStatusError) and error.status_code in (401, 403, 408, 429)
