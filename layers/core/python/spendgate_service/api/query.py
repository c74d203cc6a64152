"""The query string and the idempotency key of a request."""

import re
from collections.abc import Collection, Mapping
from typing import NoReturn
from urllib.parse import parse_qsl

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.store.paging import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PageRequest

CURSOR_LENGTH_MAX = 2048

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def read_query(event: Mapping[str, object], known: Collection[str] | None) -> dict[str, str]:
    """Read the query string of an event; each name may stand once.

    Raises InvalidValue for a name that is not `known`; None stands for any name.
    """
    text = event.get("rawQueryString") or ""
    assert isinstance(text, str), "API Gateway sends the query string as text"
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        refuse("query", "the query string is not valid UTF-8 or has more than 32 fields")
    query: dict[str, str] = {}
    for name, value in pairs:
        if known is not None and name not in known:
            refuse(_param(name), "there is no such parameter; leave it out")
        if name in query:
            refuse(_param(name), "send it once")
        query[name] = value
    return query


def page_request_in(query: Mapping[str, str]) -> PageRequest:
    """Read the `limit` and `cursor` of a query. Raises InvalidValue."""
    limit = limit_in(query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)
    cursor = query.get("cursor") or None
    if cursor is not None and len(cursor) > CURSOR_LENGTH_MAX:
        refuse("query.cursor", "send the next_cursor of the page before, as it was")
    return PageRequest(limit, cursor)


def limit_in(query: Mapping[str, str], *, default: int, most: int) -> int:
    """Read the `limit` of a query, with at most as many digits as `most`. Raises InvalidValue."""
    text = query.get("limit", str(default))
    digits = rf"[0-9]{{1,{len(str(most))}}}"
    if not re.fullmatch(digits, text) or not 1 <= int(text) <= most:
        refuse("query.limit", f"send a whole number from 1 to {most}")
    return int(text)


def read_idempotency_key(header: str | None) -> str | None:
    """Read an `Idempotency-Key` header, quoted (RFC 8941) or bare. Raises InvalidValue."""
    if header is None:
        return None
    key = header.strip()
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        refuse("header.idempotency-key", "send 1 to 255 visible ASCII characters, quoted or bare")
    return key


def refuse(param: str, what_to_do: str) -> NoReturn:
    """Raise InvalidValue for a parameter."""
    raise InvalidValue(f"{param}: {what_to_do}", param=param)


def _param(name: str) -> str:
    return f"query.{name[:64]}"
