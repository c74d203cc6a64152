"""Fingerprints: they distinguish a replay from another request with the same key."""

import hashlib
import json
from collections.abc import Iterable

from spendgate_service.api.bodies.body import Body

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_DIGITS = 32
"""128 bits: two requests never have the same fingerprint by chance."""


def fingerprint(
    operation: str,
    body: Body,
    *,
    target: str = "",
    fields: Iterable[str] | None = None,
) -> str:
    """Return a SHA-256 of what a request asks for, independent of how it is written.

    Taken of the values that were read, so that 0.050 and "0.05" are the same, as are a default and
    its absence. `target` is the id of the object in the path, where there is one; only `fields`
    count, where they are given.
    """
    counted = None if fields is None else set(fields)
    asked = body.model_dump(include=counted, exclude_defaults=True)
    text = _JSON.encode([operation, target, asked])
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
