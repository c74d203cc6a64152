"""The OpenAPI 3.1 document, out of the table of routes, the models and the table of errors.

Imported by the admin function alone, when it is asked for.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from pydantic.json_schema import models_json_schema

from spendgate.api.errors import INSUFFICIENT_QUOTA, INTERNAL_ERROR, PROBLEMS, RATE_LIMIT_EXCEEDED
from spendgate.api.openapi_admin_schemas import ADMIN_SCHEMAS
from spendgate.api.openapi_operations import OPERATIONS, Operation
from spendgate.api.openapi_schemas import SPENDING_SCHEMAS, TEXT, WHOLE, Schema, map_of, ref
from spendgate.api.routes import ROUTES, Route
from spendgate.store.pages import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

_REF_TEMPLATE = "#/components/schemas/{model}"
_PATH_PARAMETER = re.compile(r"\{(\w+)\+?\}")

ANSWER_SCHEMAS: Mapping[str, Schema] = {**SPENDING_SCHEMAS, **ADMIN_SCHEMAS}


_STATUS_BY_CODE: Mapping[str, int] = {
    problem.code: problem.status
    for problem in (*PROBLEMS.values(), RATE_LIMIT_EXCEEDED, INSUFFICIENT_QUOTA, INTERNAL_ERROR)
}


@cache
def document() -> dict[str, object]:
    """The document; the same object every time, so not to be changed."""
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        path = paths.setdefault(documented_path(route.path), {})
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


def documented_path(path: str) -> str:
    """The path as OpenAPI writes it, which has no parameters that take several steps."""
    return path.replace("+}", "}")


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
    path = documented_path(route.path).replace("-", "_")
    steps = [step.strip("{}").split(".")[0] for step in path.split("/")[2:]]
    return "_".join([route.method.lower(), *steps])


def _parameters(route: Route, operation: Operation) -> list[Schema]:
    parameters = [_parameter(name, "query", TEXT) for name in operation.query]
    parameters += [
        {**_parameter(name, "path", TEXT), "required": True}
        for name in _PATH_PARAMETER.findall(route.path)
    ]
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
        str(operation.status): _response(
            "Done.",
            operation.answer,
            "X-Request-Id",
            *operation.headers,
            media_types=operation.media_types,
        )
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
    if operation.body or operation.query or operation.is_list or "+}" in route.path:
        codes.append("invalid_request")
    if "{" in route.path:
        codes.append("not_found")
    everywhere = ["internal_error", "unavailable"] if route.roles else ["internal_error"]
    return [*codes, *operation.codes, *everywhere]


def _response(
    description: str,
    schema: Schema,
    *headers: str,
    media_types: Sequence[str] = ("application/json",),
) -> dict[str, object]:
    return {
        "description": description,
        "headers": {name: {"schema": TEXT} for name in headers},
        "content": {media_type: {"schema": schema} for media_type in media_types},
    }
