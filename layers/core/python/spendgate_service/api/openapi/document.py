"""The OpenAPI 3.1 document, out of the table of routes, the models and the table of errors.

Imported by the admin function alone, when it is asked for.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from pydantic.json_schema import models_json_schema

from spendgate_service.api.errors import (
    INSUFFICIENT_QUOTA,
    INTERNAL_ERROR,
    PROBLEMS,
    RATE_LIMIT_EXCEEDED,
)
from spendgate_service.api.openapi.examples import Example, examples
from spendgate_service.api.openapi.headers import HEADERS, described, headers_of_error
from spendgate_service.api.openapi.operations import OPERATIONS, Operation
from spendgate_service.api.openapi.parameters import parameter
from spendgate_service.api.openapi.schemas import REF_TEMPLATE, Schema, ref
from spendgate_service.api.openapi.words import explained
from spendgate_service.api.routes import ROUTES, Route
from spendgate_service.wire.errors import ErrorResponse, NoKeyResponse
from spendgate_service.wire.json_schema import json_schemas

_PATH_PARAMETER = re.compile(r"\{(\w+)\+?\}")

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
            "schemas": _components(),
            "headers": HEADERS,
            "responses": _ANYWHERE_ELSE,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def documented_path(path: str) -> str:
    """The path as OpenAPI writes it, which has no parameters that take several steps."""
    return path.replace("+}", "}")


def _components() -> dict[str, Schema]:
    """Return the schemas of bodies and responses; they share names of enumerations alone."""
    bodies, responses = explained(_body_schemas()), response_components()
    shared = bodies.keys() & responses.keys()
    assert all(bodies[name] == responses[name] for name in shared), shared
    return {**bodies, **responses}


def _body_schemas() -> dict[str, Schema]:
    models = {
        body
        for operation in OPERATIONS.values()
        for body in (operation.body, operation.optional_body)
        if body is not None
    }
    in_order = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation") for model in in_order], ref_template=REF_TEMPLATE
    )
    definitions: dict[str, Schema] = schema["$defs"]
    return definitions


@cache
def _response_schemas() -> tuple[Mapping[object, Schema], Mapping[str, Schema]]:
    """Return the schema of each response, and the components that these refer to."""
    types = [operation.response for operation in OPERATIONS.values()]
    return json_schemas(
        dict.fromkeys([*types, ErrorResponse, NoKeyResponse]), ref_template=REF_TEMPLATE
    )


def response_components() -> Mapping[str, Schema]:
    """Return the schemas of responses and of their parts, by name."""
    return _response_schemas()[1]


def _operation(route: Route, operation: Operation) -> dict[str, object]:
    shown = examples().get(route.key, ())
    operation_in_document: dict[str, object] = {
        "operationId": _operation_id(route),
        "summary": operation.summary,
        "security": [{"key": []}] if route.roles else [],
        "parameters": _parameters(route, operation, shown),
        "responses": _responses(route, operation, shown),
    }
    if route.roles:
        operation_in_document["description"] = f"For keys of the role {' or '.join(route.roles)}."
    body = operation.body or operation.optional_body
    if body is not None:
        bodies = {one.name: one.body for one in shown if one.body is not None}
        operation_in_document["requestBody"] = {
            "required": operation.body is not None,
            "content": {"application/json": _media(ref(body.__name__), bodies)},
        }
    return operation_in_document


def _operation_id(route: Route) -> str:
    path = documented_path(route.path).replace("-", "_")
    steps = [step.strip("{}").split(".")[0] for step in path.split("/")[2:]]
    return "_".join([route.method.lower(), *steps])


def _parameters(route: Route, operation: Operation, shown: Sequence[Example]) -> list[Schema]:
    parameters = [parameter(name, "query") for name in operation.query]
    parameters += [
        {**parameter(name, "path"), "required": True}
        for name in _PATH_PARAMETER.findall(route.path)
    ]
    if operation.is_list:
        parameters += [parameter("limit", "query"), parameter("cursor", "query")]
    if operation.is_idempotent:
        parameters.append(parameter("Idempotency-Key", "header"))
    parameters = [_with_example(one, route, shown) for one in parameters]
    if route.key == "GET /v1/spend":
        subjects = parameter("subjects", "query")
        parameters.append({**subjects, "explode": True, "example": {"agent": "researcher"}})
    return parameters


def _with_example(parameter: Schema, route: Route, shown: Sequence[Example]) -> Schema:
    name, place, schema = str(parameter["name"]), str(parameter["in"]), parameter["schema"]
    values = (one.value_of(name, place, route) for one in shown)
    value = next((value for value in values if value is not None), None)
    if value is None:
        return parameter
    assert isinstance(schema, dict)
    return {**parameter, "example": int(value) if schema["type"] == "integer" else value}


def _responses(route: Route, operation: Operation, shown: Sequence[Example]) -> dict[str, object]:
    responses: dict[str, object] = {}
    done = ("X-Request-Id", *operation.headers)
    if operation.is_idempotent or operation.is_replayed:
        responses["200"] = _response(
            "The first answer again." if operation.is_idempotent else "Done, now or before.",
            operation,
            (*done, "Idempotency-Replayed"),
            [one for one in shown if one.status == 200],
        )
    if str(operation.status) not in responses:
        well = [one for one in shown if one.status == operation.status]
        responses[str(operation.status)] = _response("Done.", operation, done, well)
    codes_by_status: dict[int, list[str]] = {}
    for code in _codes(route, operation):
        codes_by_status.setdefault(_STATUS_BY_CODE[code], []).append(code)
    for status, codes in sorted(codes_by_status.items()):
        failed = {one.name: one.answer for one in shown if one.status == status}
        responses[str(status)] = _error_response(status, codes, failed)
    return responses


def _codes(route: Route, operation: Operation) -> list[str]:
    """The codes that a route may answer: those of its kind, its own, and those of every route."""
    codes = ["invalid_api_key", "forbidden"] if route.roles else []
    if operation.body or operation.optional_body:
        codes += ["invalid_json", "request_too_large"]
    takes_values = operation.body or operation.optional_body or operation.query
    if takes_values or operation.is_list or operation.checks_path:
        codes.append("invalid_request")
    if "{" in route.path:
        codes.append("not_found")
    everywhere = ["internal_error", "unavailable"] if route.roles else ["internal_error"]
    return [*codes, *operation.codes, *everywhere]


def _response(
    description: str, operation: Operation, headers: tuple[str, ...], shown: Sequence[Example]
) -> dict[str, object]:
    values = {one.name: one.answer for one in shown}
    return {
        "description": description,
        "headers": described(headers),
        "content": {
            media_type: _media(
                _response_schemas()[0][operation.response],
                values if media_type == operation.media_types[0] else {},
            )
            for media_type in operation.media_types
        },
    }


_SCHEMA_OF_ERROR: Mapping[int, Schema] = {401: {"anyOf": [ref("Error"), ref("NoKey")]}}
"""The errors that API Gateway answers by itself, and in words of its own."""


def _error_response(
    status: int, codes: Sequence[str], values: Mapping[str, object] | None = None
) -> dict[str, object]:
    schema = _SCHEMA_OF_ERROR.get(status, ref("Error"))
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": headers_of_error(status),
        "content": {"application/json": _media(schema, values or {})},
    }


def _media(schema: Schema, values: Mapping[str, object]) -> dict[str, object]:
    named = {name: {"value": value} for name, value in values.items()}
    return {"schema": schema, "examples": named} if named else {"schema": schema}


_ANYWHERE_ELSE = {
    "NoSuchRoute": _error_response(404, ["not_found"]),
    "NoSuchMethod": _error_response(405, ["method_not_allowed"]),
}
"""What is answered where no operation lives."""
