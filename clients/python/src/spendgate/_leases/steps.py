"""What a holder asks the service for, as data and as requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spendgate._deliveries import Delivery, moment
from spendgate._leases.amounts import Units, texts_of
from spendgate._requests import Request, new_key, request
from spendgate.usage import Usage


@dataclass(frozen=True, slots=True)
class Open:
    """Reserve for one call, by its usage or its amounts; the lease grows from there."""

    subjects: Mapping[str, str]
    amounts: Units | None
    usage: Usage | None
    ttl_seconds: int
    on_expiry: str
    metadata: Mapping[str, Any] | None
    idempotency_key: str

    def request(self) -> Request:
        """The request over HTTP."""
        body: dict[str, Any] = {"subjects": dict(self.subjects), "ttl_seconds": self.ttl_seconds}
        if self.amounts is not None:
            body["amounts"] = texts_of(self.amounts)
        if self.usage is not None:
            body["usage"] = self.usage.estimate_body()
        if self.on_expiry != "release":
            body["on_expiry"] = self.on_expiry
        if self.metadata is not None:
            body["metadata"] = dict(self.metadata)
        return request("POST", "reservations", body=body, idempotency_key=self.idempotency_key)


@dataclass(frozen=True, slots=True)
class Extend:
    """Renew the time to live; with amounts also raise the totals granted; ask for prices."""

    reservation_id: str
    ttl_seconds: int
    amounts: Units | None = None
    models: Sequence[str] = ()

    def request(self) -> Request:
        """The request over HTTP."""
        body: dict[str, Any] = {"ttl_seconds": self.ttl_seconds}
        if self.amounts is not None:
            body["amounts"] = texts_of(self.amounts)
        if self.models:
            body["models"] = list(self.models)
        return request("POST", "reservations", self.reservation_id, "extend", body=body)


@dataclass(frozen=True, slots=True)
class Report:
    """Say what was spent and returned (capture), or close the reservation (release).

    Repeated, it changes nothing.
    """

    delivery: Delivery
    is_last: bool = False
    """Whether the reservation ends with it: then it may not be overtaken, so it goes by HTTP."""


Step = Open | Extend | Report


def capture(
    reservation_id: str,
    *,
    actual: Units,
    returned: Units,
    since: Units,
    entries: Sequence[Mapping[str, Any]],
    is_last: bool = False,
) -> Report:
    """Report the totals since the start; the entries explain what is above `since`."""
    body: dict[str, Any] = {"actual": texts_of(actual)}
    if returned:
        body["returned"] = texts_of(returned)
    if entries:
        body["since"] = texts_of(since)
        body["entries"] = list(entries)
    return Report(Delivery("capture", reservation_id, body), is_last)


def record(reservation_id: str, *, subjects: Mapping[str, str], actual: Units) -> Report:
    """Report what was spent from a reservation that counts no more, by a key of its own."""
    body = {
        "subjects": dict(subjects),
        "actual": texts_of(actual),
        "occurred_at": moment(),
        "ref_type": "reservation",
        "ref_id": reservation_id,
        "description": "spent from a lease that was ended meanwhile",
    }
    return Report(Delivery("record", new_key(), body))


def release(reservation_id: str) -> Report:
    """Give back what was not captured, and close the reservation."""
    return Report(Delivery("release", reservation_id), is_last=True)
