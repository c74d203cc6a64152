"""The requests of the API, built without sending them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from spendgate._version import __version__

if TYPE_CHECKING:
    from spendgate.usage import Usage

Amounts = Mapping[str, Decimal | int | float | str]

USER_AGENT = f"spendgate-python/{__version__}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; repeated, it is byte for byte the same."""

    method: str
    path: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful response."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)


def request(
    method: str,
    *path: str,
    query: Mapping[str, object] | None = None,
    body: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    if_match: str | int | None = None,
) -> Request:
    """A request; the steps of the path are encoded, so that an id may hold a slash or a blank."""
    target = "/v1/" + "/".join(quote(step, safe=":*") for step in path)
    given = {name: value for name, value in (query or {}).items() if value is not None}
    if given:
        target += f"?{urlencode(given)}"
    headers = {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    if if_match is not None:
        headers["If-Match"] = f'"{if_match}"' if isinstance(if_match, int) else if_match
    content = None if body is None else encode(body)
    return Request(method, target, content, headers)


def new_key() -> str:
    """An idempotency key for one logical call."""
    return uuid.uuid4().hex


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON with exact decimals."""
    return json.dumps(body, default=_encodable, separators=(",", ":")).encode()


def plain(amounts: Amounts) -> dict[str, Any]:
    """Amounts that JSON can hold without losing a digit."""
    return {
        unit: _encodable(value) if isinstance(value, Decimal) else value
        for unit, value in amounts.items()
    }


def spend_body(
    subjects: Mapping[str, str],
    *,
    amounts: Amounts | None = None,
    min_amounts: Amounts | None = None,
    usage: Usage | None = None,
    ttl_seconds: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of check and reserve."""
    body: dict[str, Any] = {"subjects": dict(subjects)}
    if amounts is not None:
        body["amounts"] = plain(amounts)
    if min_amounts is not None:
        body["min_amounts"] = plain(min_amounts)
    if usage is not None:
        body["usage"] = usage.estimate_body()
    if ttl_seconds is not None:
        body["ttl_seconds"] = ttl_seconds
    if metadata is not None:
        body["metadata"] = dict(metadata)
    return {**body, **(extra_body or {})}


def actual_body(
    *,
    actual: Amounts | None = None,
    usage: Usage | None = None,
    meter_source: str | None = None,
    ref_type: str | None = None,
    ref_id: str | None = None,
    description: str | None = None,
    extra_body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What was spent, as settle and record take it; nothing named settles at the estimate."""
    if actual is not None and usage is not None:
        raise ValueError("pass actual or usage, not both")
    body: dict[str, Any] = {}
    if actual is not None:
        body["actual"] = plain(actual)
    if usage is not None:
        body["usage"] = usage.actual_body()
    texts = {
        "meter_source": meter_source,
        "ref_type": ref_type,
        "ref_id": ref_id,
        "description": description,
    }
    body.update({name: text for name, text in texts.items() if text is not None})
    return {**body, **(extra_body or {})}


def _encodable(value: object) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
