"""Renders docs/api.md: `api.md.in` plus the generated operations, objects and errors."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from spendgate_service.api.openapi.document import document
from spendgate_service.api.openapi.examples import examples
from spendgate_service.api.openapi.headers import EVERY_RESPONSE
from spendgate_service.api.openapi.operations import documented_path
from spendgate_service.api.routes import ROUTE_BY_KEY
from tools.curl_example import command_block, response_block
from tools.schema_text import errors_table, fields_table, type_text

TEMPLATE = Path(__file__).with_name("api.md.in")

_BUDGET = "/v1/budgets/{id}"
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Tenants and keys": (
        "POST /v1/tenants", "GET /v1/tenants", "POST /v1/tenants/{id}/keys", "GET /v1/tenant",
        "PATCH /v1/tenant",
        "POST /v1/keys", "GET /v1/keys", "POST /v1/keys/{id}/rotate", "GET /v1/me",
        "DELETE /v1/keys/{id}",
    ),
    "Budgets": (
        "POST /v1/budgets", "GET /v1/budgets", f"GET {_BUDGET}",
        "PUT /v1/budgets/by-slug/{slug}", f"PATCH {_BUDGET}",
        f"GET {_BUDGET}/balance", f"GET {_BUDGET}/balances", "GET /v1/balances",
        f"POST {_BUDGET}/pause", f"POST {_BUDGET}/resume",
        f"POST {_BUDGET}/disable", f"POST {_BUDGET}/enable", f"POST {_BUDGET}/credits",
        f"DELETE {_BUDGET}",
    ),
    "Token caps, prices and rates": (
        "PUT /v1/token-caps/{type}/{id+}", "GET /v1/token-caps", "GET /v1/token-caps/{type}/{id+}",
        "DELETE /v1/token-caps/{type}/{id+}", "PUT /v1/prices/{provider}/{model+}",
        "GET /v1/prices",
        "GET /v1/prices/{provider}/{model+}", "DELETE /v1/prices/{provider}/{model+}",
        "PUT /v1/rates/{from}/{to}", "GET /v1/rates", "GET /v1/rates/{from}/{to}",
        "DELETE /v1/rates/{from}/{to}",
    ),
    "Spending": (
        "POST /v1/check", "POST /v1/reservations", "GET /v1/reservations",
        "GET /v1/reservations/{id}",
        "POST /v1/reservations/{id}/capture", "POST /v1/reservations/{id}/extend",
        "POST /v1/reservations/{id}/settle", "POST /v1/reservations/{id}/release",
        "POST /v1/spend", "GET /v1/spend", "GET /v1/allowance",
    ),
    "Reports": (
        "GET /v1/changes",
        f"GET {_BUDGET}/ledger", f"GET {_BUDGET}/audit", f"GET {_BUDGET}/statements",
        "GET /v1/export/ledger", "GET /v1/metrics",
    ),
    "Usage": (
        "GET /v1/usage", "GET /v1/usage/records", "GET /v1/export/usage",
        "POST /v1/usage/{id}/reverse", "GET /v1/refusals",
    ),
    "Increase requests": (
        "POST /v1/increase-requests", "GET /v1/increase-requests", "GET /v1/increase-requests/{id}",
        "POST /v1/increase-requests/{id}/approve", "POST /v1/increase-requests/{id}/deny",
    ),
    "Notifications": (
        "POST /v1/notifications", "GET /v1/notifications", "GET /v1/notifications/{id}",
        "PATCH /v1/notifications/{id}", "POST /v1/notifications/{id}/test",
        "POST /v1/notifications/{id}/rotate", "DELETE /v1/notifications/{id}",
    ),
    "The service itself": ("GET /v1/health", "GET /v1/openapi.json"),
}  # fmt: skip
"""The sections in the order of the examples."""


def api_md() -> str:
    """Return the text of docs/api.md."""
    described: Mapping[str, Any] = json.loads(json.dumps(document()))
    text = TEMPLATE.read_text(encoding="utf-8")
    filled = {
        "operations": "\n".join(_operations(described)),
        "objects": "\n".join(_objects(described)),
        "errors": errors_table(),
    }
    for name, content in filled.items():
        text = text.replace(f"<!-- {name} -->", content)
    return text


def _operations(described: Mapping[str, Any]) -> Iterator[str]:
    for section, keys in SECTIONS.items():
        yield f"## {section}\n"
        for key in keys:
            route = ROUTE_BY_KEY[key]
            operation = described["paths"][documented_path(route.path)][route.method.lower()]
            yield from _operation(key, operation)


def _operation(key: str, operation: Mapping[str, Any]) -> Iterator[str]:
    route = ROUTE_BY_KEY[key]
    yield f"### {route.method} {documented_path(route.path)}\n"
    yield _prose(f"{operation['summary']} {operation['description']}") + "\n"
    for parameter in operation["parameters"]:
        optional = "" if parameter.get("required") else ", optional"
        name = f"`{parameter['name']}` ({parameter['in']}{optional})"
        yield _prose(f"- {name}: {parameter['description']}")
    if "requestBody" in operation:
        body = operation["requestBody"]
        optional = "" if body["required"] else " (optional)"
        body_type = type_text(body["content"]["application/json"]["schema"])
        yield _prose(f"- Body: {body_type}{optional}")
    for status, response in operation["responses"].items():
        yield _prose(f"- `{status}`: {_response_text(status, response)}")
    yield ""
    for example in examples()[key]:
        yield command_block(route, example)
        yield response_block(example)


def _prose(text: str) -> str:
    """Wrap a paragraph or a list item at 100 columns."""
    indent = "  " if text.startswith("- ") else ""
    return fill(text, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _response_text(status: str, response: Mapping[str, Any]) -> str:
    headers = [f"`{name}`" for name in response["headers"] if name not in EVERY_RESPONSE]
    suffix = f" (header {', '.join(headers)})" if headers else ""
    if status >= "300":
        return f"{response['description']}{suffix}"
    [media_type, *others] = response["content"]
    schema = response["content"][media_type]["schema"]
    body = (
        " or ".join(f"`{media_type}`" for media_type in response["content"])
        if others
        else type_text(schema)
    )
    return f"{response['description']} {body}{suffix}"


def _objects(described: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in described["components"]["schemas"].items():
        if schema.get("properties"):
            yield f"### {name}\n"
            yield fields_table(schema)
