"""The headers of the API: what each one means, and which of them a response has."""

from collections.abc import Mapping

from spendgate_service.api.openapi.schemas import TEXT, WHOLE, Schema, word_of

_HEADERS: Mapping[str, Schema] = {
    "X-Request-Id": {"description": "The id of the request, also in the logs.", "schema": TEXT},
    "Cache-Control": {
        "description": "No cache keeps a response.",
        "schema": word_of("no-store"),
    },
    "Idempotency-Replayed": {
        "description": "This is the first response again; nothing was done twice.",
        "schema": word_of("true"),
    },
    "Retry-After": {
        "description": "When to retry, in seconds from now.",
        "schema": {**WHOLE, "minimum": 1},
    },
    "x-should-retry": {
        "description": "No retry helps within a minute: an SDK must not sleep and retry.",
        "schema": word_of("false"),
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": word_of("Bearer")},
    "Allow": {"description": "The methods that the path takes.", "schema": TEXT},
    "X-Next-Cursor": {
        "description": "Where the next part begins; not sent with the last.",
        "schema": TEXT,
    },
    "ETag": {
        "description": "The tag of the object as it is now, for If-Match.",
        "schema": TEXT,
    },
    "Link": {"description": "The next part as a link of the relation next.", "schema": TEXT},
}

EVERY_RESPONSE = ("X-Request-Id", "Cache-Control")
"""The headers that every response has."""

HEADERS: Mapping[str, Schema] = {
    name: {**header, "required": True} if name == "X-Request-Id" else header
    for name, header in _HEADERS.items()
}

_BY_STATUS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    409: ("x-should-retry",),
    429: ("Retry-After", "x-should-retry"),
    503: ("Retry-After",),
}


def headers_of_error(status: int) -> dict[str, Schema]:
    """Return the headers that an error of that status may have.

    A request without any key is refused by API Gateway itself, which sends no request id.
    """
    if status == 401:
        rest = described(("Cache-Control", *_BY_STATUS[status]))
        return {"X-Request-Id": _HEADERS["X-Request-Id"], **rest}
    return described((*EVERY_RESPONSE, *_BY_STATUS.get(status, ())))


def described(names: tuple[str, ...]) -> dict[str, Schema]:
    """Return these headers, by reference."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
