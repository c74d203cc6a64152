"""The strict JSON reader: it refuses ambiguous JSON, and numbers stay exact."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from spendgate_service.api.exceptions import InvalidJson, RequestTooLarge
from spendgate_service.domain.errors import InvalidValue

BODY_BYTES_MAX = 64 * 1024
"""The largest body that keeps every length limit is about 25 KB; an SQS message may be longer."""

NESTING_MAX = 16
"""The bodies of the API are 3 deep; the rest is room for metadata."""

_INTEGER_DIGITS_MAX = 64
"""Longer integers are read as decimals: Python's own limit would be an error without a field."""


def read_event_body(event: Mapping[str, object]) -> dict[str, object]:
    """Read the JSON object in the body of an API Gateway event (payload format 2.0).

    Raises InvalidJson, RequestTooLarge, and InvalidValue if it is JSON but no object.
    """
    body = event.get("body") or ""
    assert isinstance(body, str), "API Gateway sends the body as text"
    if event.get("isBase64Encoded"):
        if len(body) > BODY_BYTES_MAX * 4 // 3 + 4:
            raise RequestTooLarge(size_max=BODY_BYTES_MAX)
        try:
            return read_object(base64.b64decode(body, validate=True))
        except binascii.Error:
            raise InvalidJson("the body is not valid base64") from None
    if len(body) > BODY_BYTES_MAX:
        raise RequestTooLarge(size_max=BODY_BYTES_MAX)
    return read_object(body)


def read_object(body: str | bytes) -> dict[str, object]:
    """Read the JSON object in a text. Raises as `read_event_body` does."""
    text = _decoded(body)
    if not text.strip():
        raise InvalidJson("the body is empty; send a JSON object")
    value = _parsed(text)
    if not isinstance(value, dict):
        raise InvalidValue("the body is not a JSON object; send one", param="body")
    if _may_be_malformed(text):
        _check_structure(value, depth=1)
    return value


def _may_be_malformed(text: str) -> bool:
    """Return whether JSON may fail `_check_structure`: it has escapes, or many brackets."""
    return "\\u" in text or text.count("{") + text.count("[") > NESTING_MAX


def _decoded(body: str | bytes) -> str:
    try:
        raw = body if isinstance(body, bytes) else body.encode()
        if len(raw) > BODY_BYTES_MAX:
            raise RequestTooLarge(size_max=BODY_BYTES_MAX)
        return raw.decode()
    except UnicodeError:
        raise InvalidJson("the body is not valid UTF-8") from None


def _parsed(text: str) -> object:
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidJson(f"the body is not JSON: {error.msg.lower()} at {where}") from None
    except RecursionError:
        raise InvalidJson(_TOO_DEEP) from None
    return value


_TOO_DEEP = f"the body is nested more than {NESTING_MAX} levels deep"


def _decimal(text: str) -> int | Decimal:
    """A number with a point; JSON Schema counts 300.0 among the whole ones."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise InvalidJson("a number in the body is out of range") from None
    is_whole = value.adjusted() < _INTEGER_DIGITS_MAX and value == value.to_integral_value()
    return int(value) if is_whole else value


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _INTEGER_DIGITS_MAX else Decimal(text)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON; numbers are finite")


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    built = dict(pairs)
    if len(built) < len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name in times if times[name] > 1)
        raise InvalidJson(f"the field {_shown(twice)} stands twice in one object")
    return built


_DECODER = json.JSONDecoder(
    parse_float=_decimal,
    parse_int=_integer,
    parse_constant=_refuse_constant,
    object_pairs_hook=_object_of,
)


def _shown(name: str) -> str:
    return json.dumps(name[:64])


def _check_structure(value: object, *, depth: int) -> None:
    """Refuse too deep a nesting, and text that UTF-8 cannot carry (half a surrogate pair)."""
    match value:
        case str():
            if not value.isascii() and any(
                "\ud800" <= character <= "\udfff" for character in value
            ):
                raise InvalidJson("a text in the body holds half a surrogate pair")
        case dict() | list():
            if depth > NESTING_MAX:
                raise InvalidJson(_TOO_DEEP)
            for inner in (*value, *value.values()) if isinstance(value, dict) else value:
                _check_structure(inner, depth=depth + 1)
