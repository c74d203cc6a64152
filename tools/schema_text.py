"""Renders schemas and errors as words and tables."""

import json
from collections.abc import Mapping
from typing import Any

from spendgate_service.api.errors import (
    INSUFFICIENT_QUOTA,
    INTERNAL_ERROR,
    PROBLEM_BY_CODE,
    PROBLEMS,
    RATE_LIMIT_EXCEEDED,
)
from spendgate_service.api.openapi.document import document
from spendgate_service.api.openapi.headers import EVERY_RESPONSE, headers_of_error

_MEANINGS = {
    "already_exists": "An object with this name exists already.",
    "last_admin_key": "The key is the tenant's last admin key; create another one first.",
    "budget_changed": "A concurrent change to the subject's budgets won; nothing was changed.",
    "budget_paused": "A budget that applies is paused.",
    "forbidden": "The role, the subjects or the maximum of the key do not allow this request.",
    "idempotency_conflict": "The idempotency key was used for a different request.",
    "immutable_field": "A budget stays on its subject and in its unit; `param` is the field.",
    "insufficient_quota": "Refused by a budget that does not reset by itself.",
    "internal_error": "An internal error.",
    "invalid_api_key": "The key is missing, unknown or revoked.",
    "invalid_json": "The body is not JSON, or not unambiguous JSON (duplicate fields, `NaN`).",
    "invalid_request": "A value breaks a rule of its field; `param` is the path to it.",
    "method_not_allowed": "The path does not support this method.",
    "no_budget": "No budget applies, and the tenant requires one (`require_budget`).",
    "not_found": "The path, or the object in the caller's tenant, does not exist.",
    "rate_limit_exceeded": "Refused by budgets that all have enough again later.",
    "request_closed": "It was decided, or has expired; `error.increase_request` shows it.",
    "request_pending": "The key waits for a decision already: `error.increase_request`.",
    "request_too_large": "The body is larger than 64 KB.",
    "reservation_expired": "The hold has expired; `error.reservation` shows the reservation.",
    "reservation_finalized": "It was settled or released; `error.reservation` shows it.",
    "token_cap_exceeded": "The request has more tokens than the subject's token cap allows.",
    "unavailable": "The table is unavailable or overloaded; the same request may succeed later.",
    "unknown_price": "The model has no price.",
    "unknown_rate": "A budget in another unit applies, and the conversion rate is too old.",
    "version_mismatch": "The object has changed since it was read (`If-Match`); nothing was done.",
}
"""What every error code means to a caller."""


def errors_table() -> str:
    """Return a table of all error codes, by status."""
    problems = {RATE_LIMIT_EXCEEDED, INSUFFICIENT_QUOTA, INTERNAL_ERROR, *PROBLEMS.values()}
    rows = ["| status | code | type | meaning | headers |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {problem.status} | `{problem.code}` | `{problem.type}` | {_MEANINGS[problem.code]} "
        f"| {_headers(problem.code, problem.status)} |"
        for problem in sorted(problems, key=lambda problem: (problem.status, problem.code))
    ]
    return "\n".join(rows)


def _headers(code: str, status: int) -> str:
    names = [name for name in headers_of_error(status) if name not in EVERY_RESPONSE]
    if code == INSUFFICIENT_QUOTA.code:
        names = ["x-should-retry"]
    if status == 409 and not PROBLEM_BY_CODE[code].stays:
        names = []
    return ", ".join(f"`{name}`" for name in names)


def fields_table(schema: Mapping[str, Any]) -> str:
    """Return a table of an object's fields."""
    required = schema.get("required", ())
    rows = ["| field | type | meaning |", "| --- | --- | --- |"]
    for name, field in schema["properties"].items():
        need = "" if name in required else ", optional"
        meaning = field["description"].replace(_AMOUNT_NOTE, "").strip()
        rows.append(f"| `{name}` | {type_text(field)}{need} | {meaning}{_default(field)} |")
    return "\n".join(rows) + "\n"


_AMOUNT_NOTE = "An exact decimal: at most 18 digits before the point and 9 after it."


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if not isinstance(default, str | int):
        return ""
    return f" Default: `{default if isinstance(default, str) else json.dumps(default)}`."


def type_text(schema: Mapping[str, Any]) -> str:
    """Return a type in a few words: `list of Balance`, `string or null`."""
    if "$ref" in schema:
        return _reference(schema["$ref"].rpartition("/")[2])
    if _AMOUNT_NOTE in schema.get("description", "") and "null" not in str(schema):
        return "amount"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            kinds = [type_text(alternative) for alternative in schema[union]]
            return " or ".join(dict.fromkeys(kinds))
    for key in ("const", "enum"):
        if key in schema:
            words = schema[key] if key == "enum" else [schema[key]]
            return " or ".join(f"`{word}`" for word in words)
    return _plain_type(schema)


def _reference(name: str) -> str:
    """Return a link to an object, or the type itself if it is not an object."""
    described: Any = document()
    schema = described["components"]["schemas"][name]
    if name == "AmountText":
        return "amount"
    if schema.get("type") == "object" and not schema.get("properties"):
        return "an empty object"
    return f"[{name}](#{name.lower()})" if "properties" in schema else type_text(schema)


def _plain_type(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {type_text(schema['items'])}"
        case "object":
            return _object(schema)
        case "string":
            return "time" if schema.get("format") == "date-time" else "string" + _length(schema)
        case "integer":
            return "integer" + _range(schema)
        case other:
            return _NAMES.get(str(other), str(other))


_NAMES = {"None": "any value"}


def _object(schema: Mapping[str, Any]) -> str:
    values = schema.get("additionalProperties")
    if schema.get("properties", {}).keys() == {"data", "next_cursor"}:
        return f"a page of {type_text(schema['properties']['data']['items'])}"
    return f"map of string to {type_text(values)}" if isinstance(values, dict) else "object"


def _length(schema: Mapping[str, Any]) -> str:
    return f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""


def _range(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None:
        return ""
    return f" from {low}" + (f" to {high:,}" if high is not None else "")
