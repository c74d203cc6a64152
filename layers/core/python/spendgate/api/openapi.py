"""The OpenAPI 3.1 document, out of the table of routes, the models and the table of errors.

Imported by the admin function alone, when it is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from spendgate.api.errors import INSUFFICIENT_QUOTA, INTERNAL_ERROR, PROBLEMS, RATE_LIMIT_EXCEEDED
from spendgate.api.models import administration, spending
from spendgate.api.openapi_schemas import (
    ANSWER_SCHEMAS,
    FREE,
    TEXT,
    WHOLE,
    Schema,
    map_of,
    page_of,
    ref,
)
from spendgate.api.routes import ROUTES, Route
from spendgate.store.pages import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

_REF_TEMPLATE = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says about a route beyond the table of routes.

    `codes` are its own errors; those that any such route may answer are added. `query` names its
    parameters; a list has `limit` and `cursor` besides.
    """

    summary: str
    answer: Schema
    body: type[BaseModel] | None = None
    status: int = 200
    codes: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    is_list: bool = False
    is_idempotent: bool = False


_REFUSED = ("rate_limit_exceeded", "insufficient_quota", "budget_paused", "no_budget")
_FINAL = ("reservation_finalized",)
_KEYED = ("idempotency_conflict",)

OPERATIONS: Mapping[str, Operation] = {
    "POST /v1/check": Operation(
        "Ask whether a request could be granted now; nothing is held.",
        ref("Check"),
        spending.ReserveBody,
        codes=("unknown_price",),
    ),
    "GET /v1/spend": Operation(
        "What was spent by subjects, each a parameter: agent=researcher&session=s-42.", ref("Spend")
    ),
    "GET /v1/reservations/{id}": Operation("One reservation.", ref("Reservation")),
    "POST /v1/reservations": Operation(
        "Hold an estimate on every budget that applies, all or none.",
        ref("ReservationGranted"),
        spending.ReserveBody,
        status=201,
        codes=(*_REFUSED, *_KEYED, "unknown_price"),
        is_idempotent=True,
    ),
    "POST /v1/reservations/{id}/settle": Operation(
        "Replace a hold by the actual cost.",
        ref("Reservation"),
        spending.SettleBody,
        codes=(*_FINAL, "unknown_price"),
    ),
    "POST /v1/reservations/{id}/release": Operation(
        "Give a hold back.", ref("Reservation"), codes=_FINAL
    ),
    "POST /v1/reservations/{id}/extend": Operation(
        "Move the expiry of a hold.", ref("Reservation"), spending.ExtendBody, codes=_FINAL
    ),
    "POST /v1/spend": Operation(
        "Record spend that was never reserved; never refused for lack of budget.",
        ref("RecordedSpend"),
        spending.RecordBody,
        status=201,
        codes=(*_KEYED, "unknown_price"),
        is_idempotent=True,
    ),
    "POST /v1/budgets": Operation(
        "Create a budget.",
        ref("Budget"),
        administration.CreateBudgetBody,
        status=201,
        codes=(*_KEYED, "budget_changed"),
        is_idempotent=True,
    ),
    "GET /v1/budgets": Operation(
        "All budgets.", page_of(ref("Budget")), query=("subject",), is_list=True
    ),
    "GET /v1/budgets/{id}": Operation("One budget.", ref("Budget")),
    "PATCH /v1/budgets/{id}": Operation(
        "Change a budget.",
        ref("Budget"),
        administration.PatchBudgetBody,
        codes=("budget_changed",),
    ),
    "DELETE /v1/budgets/{id}": Operation(
        "Delete a budget; its ledger stays.", ref("Budget"), codes=("budget_changed",)
    ),
    "GET /v1/budgets/{id}/ledger": Operation(
        "The ledger of a budget, newest first.",
        page_of(ref("LedgerEntry")),
        query=("subject",),
        is_list=True,
    ),
    "GET /v1/budgets/{id}/balance": Operation(
        "The balance of a budget; of a default, for one subject.",
        ref("Balance"),
        query=("subject",),
    ),
    "GET /v1/budgets/{id}/audit": Operation(
        "Does every counter equal its ledger? The differences, if any.",
        ref("Audit"),
        query=("subject",),
        is_list=True,
    ),
    "POST /v1/keys": Operation(
        "Create an API key; its secret is shown once.",
        ref("Key"),
        administration.CreateKeyBody,
        status=201,
        codes=_KEYED,
        is_idempotent=True,
    ),
    "GET /v1/keys": Operation("All API keys.", page_of(ref("Key")), is_list=True),
    "DELETE /v1/keys/{id}": Operation("Revoke an API key.", ref("Key")),
    "GET /v1/tenant": Operation("The settings of the tenant.", ref("Tenant")),
    "PATCH /v1/tenant": Operation(
        "Change the settings of the tenant.", ref("Tenant"), administration.PatchTenantBody
    ),
    "POST /v1/tenants": Operation(
        "Create a tenant.",
        ref("Tenant"),
        administration.CreateTenantBody,
        status=201,
        codes=(*_KEYED, "already_exists"),
        is_idempotent=True,
    ),
    "GET /v1/tenants": Operation("All tenants.", page_of(ref("Tenant")), is_list=True),
    "GET /v1/health": Operation("Whether the service is up.", FREE),
    "GET /v1/openapi.json": Operation("This document.", FREE),
}

_STATUS_BY_CODE: Mapping[str, int] = {
    problem.code: problem.status
    for problem in (*PROBLEMS.values(), RATE_LIMIT_EXCEEDED, INSUFFICIENT_QUOTA, INTERNAL_ERROR)
}


@cache
def document() -> dict[str, object]:
    """The document; the same object every time, so not to be changed."""
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        path = paths.setdefault(route.path, {})
        path[route.method.lower()] = _operation(route, OPERATIONS[route.key])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spendgate",
            "version": "1",
            "description": "A budget authority: ask before spending, settle afterwards.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {**_body_schemas(), **ANSWER_SCHEMAS},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _body_schemas() -> dict[str, Schema]:
    models = {operation.body for operation in OPERATIONS.values() if operation.body}
    in_order = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation") for model in in_order], ref_template=_REF_TEMPLATE
    )
    definitions: dict[str, Schema] = schema["$defs"]
    return definitions


def _operation(route: Route, operation: Operation) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": _operation_id(route),
        "summary": operation.summary,
        "security": [{"key": []}] if route.roles else [],
        "parameters": _parameters(route, operation),
        "responses": _responses(route, operation),
    }
    if route.roles:
        described["description"] = f"For keys of the role {' or '.join(route.roles)}."
    if operation.body is not None:
        content = {"application/json": {"schema": ref(operation.body.__name__)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _operation_id(route: Route) -> str:
    steps = [step.strip("{}").split(".")[0] for step in route.path.split("/")[2:]]
    return "_".join([route.method.lower(), *steps])


def _parameters(route: Route, operation: Operation) -> list[Schema]:
    parameters = [_parameter(name, "query", TEXT) for name in operation.query]
    if "{id}" in route.path:
        parameters.append({**_parameter("id", "path", TEXT), "required": True})
    if operation.is_list:
        limit = {**WHOLE, "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": PAGE_SIZE_DEFAULT}
        parameters += [_parameter("limit", "query", limit), _parameter("cursor", "query", TEXT)]
    if operation.is_idempotent:
        key = {**TEXT, "minLength": 1, "maxLength": 255}
        parameters.append(_parameter("Idempotency-Key", "header", key))
    if route.key == "GET /v1/spend":
        parameters.append({**_parameter("subjects", "query", map_of(TEXT)), "explode": True})
    return parameters


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    return {"name": name, "in": place, "schema": schema}


def _responses(route: Route, operation: Operation) -> dict[str, object]:
    responses: dict[str, object] = {
        str(operation.status): _response("Done.", operation.answer, "X-Request-Id")
    }
    if operation.is_idempotent:
        responses["200"] = _response(
            "The first answer again.", operation.answer, "X-Request-Id", "Idempotency-Replayed"
        )
    codes_by_status: dict[int, list[str]] = {}
    for code in _codes(route, operation):
        codes_by_status.setdefault(_STATUS_BY_CODE[code], []).append(code)
    for status, codes in sorted(codes_by_status.items()):
        waits = ("Retry-After",) if status in {429, 503} else ()
        responses[str(status)] = _response(
            ", ".join(f"`{code}`" for code in codes), ref("Error"), "X-Request-Id", *waits
        )
    return responses


def _codes(route: Route, operation: Operation) -> list[str]:
    """The codes that a route may answer: those of its kind, its own, and those of every route."""
    codes = ["invalid_api_key", "forbidden"] if route.roles else []
    if operation.body:
        codes += ["invalid_json", "request_too_large"]
    if operation.body or operation.query or operation.is_list:
        codes.append("invalid_request")
    if "{id}" in route.path:
        codes.append("not_found")
    everywhere = ["internal_error", "unavailable"] if route.roles else ["internal_error"]
    return [*codes, *operation.codes, *everywhere]


def _response(description: str, schema: Schema, *headers: str) -> dict[str, object]:
    return {
        "description": description,
        "headers": {name: {"schema": TEXT} for name in headers},
        "content": {"application/json": {"schema": schema}},
    }
