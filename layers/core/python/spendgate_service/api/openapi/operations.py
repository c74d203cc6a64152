"""The operations of the OpenAPI document, each derived from the declaration of its route."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic.json_schema import GenerateJsonSchema

from spendgate_service.api.bodies.core_schema import core_schema_of
from spendgate_service.api.bodies.fields import EmptyBody
from spendgate_service.api.errors import PROBLEM_BY_CODE
from spendgate_service.api.openapi.examples import Example, examples
from spendgate_service.api.openapi.headers import EVERY_RESPONSE, described, headers_of_error
from spendgate_service.api.openapi.schemas import Schema, ref
from spendgate_service.api.parameters import (
    ACTOR_HEADER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IN_PATH,
    REASON_HEADER,
    Parameter,
)
from spendgate_service.api.route import Route

type Place = Literal["path", "query", "header"]


def documented_path(path: str) -> str:
    """Return the path as OpenAPI writes it: no parameter there takes several segments."""
    return path.replace("+}", "}")


def operation(route: Route, response: Schema) -> dict[str, object]:
    """Describe one route, whose response has that schema."""
    summary, description = _texts(route)
    calls = examples().get(route.key, ())
    described_route: dict[str, object] = {
        "operationId": _operation_id(route),
        "summary": summary,
        "description": description,
        "security": [{"key": []}] if route.roles else [],
        "parameters": _parameters(route, calls),
        "responses": _responses(route, response, calls),
    }
    if route.body is not None:
        bodies = {call.name: call.body for call in calls if call.body is not None}
        described_route["requestBody"] = {
            "required": route.body is not EmptyBody,
            "content": {"application/json": _media(ref(route.body.__name__), bodies)},
        }
    return described_route


def error_response(
    status: int, codes: Sequence[str], values: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Describe the response with an error of that status and one of the codes."""
    schema = _SCHEMA_OF_ERROR.get(status, ref("Error"))
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": headers_of_error(status),
        "content": {"application/json": _media(schema, values or {})},
    }


def _texts(route: Route) -> tuple[str, str]:
    """Return the first paragraph of the docstring as summary, the others as description."""
    docstring = inspect.getdoc(route.handler) or ""
    summary, *paragraphs = [re.sub(r"\s+", " ", text) for text in docstring.split("\n\n")]
    keys = f"For keys of the role {' or '.join(route.roles)}." if route.roles else "Needs no key."
    return summary, " ".join([*paragraphs, keys])


def _operation_id(route: Route) -> str:
    path = documented_path(route.path).replace("-", "_")
    segments = [segment.strip("{}").split(".")[0] for segment in path.split("/")[2:]]
    return "_".join([route.method.lower(), *segments])


def _parameters(route: Route, calls: Sequence[Example]) -> list[Schema]:
    in_path = [IN_PATH[name] for name in route.path_parameters]
    parameters = [_parameter(parameter, "path", route, calls) for parameter in in_path]
    parameters += [
        _parameter(parameter, "query", route, calls) for parameter in route.parameters_in_query
    ]
    if route.idempotent:
        parameters.append(_parameter(IDEMPOTENCY_KEY, "header", route, calls))
    if route.conditional:
        parameters.append(_parameter(IF_MATCH, "header", route, calls))
    if route.is_logged:
        parameters += [
            _parameter(header, "header", route, calls) for header in (ACTOR_HEADER, REASON_HEADER)
        ]
    return parameters


def _parameter(
    parameter: Parameter, place: Place, route: Route, calls: Sequence[Example]
) -> Schema:
    schema = GenerateJsonSchema().generate(core_schema_of(parameter.type))
    described_parameter: Schema = {
        "name": parameter.name,
        "in": place,
        "description": parameter.meaning,
        "schema": schema,
    }
    if place == "path":
        described_parameter["required"] = True
    if parameter.any_name:
        return {**described_parameter, "explode": True, "example": {"agent": "researcher"}}
    values = (call.value_of(parameter.name, place, route) for call in calls)
    value = next((value for value in values if value is not None), None)
    if value is not None:
        described_parameter["example"] = int(value) if schema["type"] == "integer" else value
    return described_parameter


def _responses(route: Route, schema: Schema, calls: Sequence[Example]) -> dict[str, object]:
    responses: dict[str, object] = {}
    headers = (*EVERY_RESPONSE, *route.headers)
    if route.idempotent or route.repeatable:
        creates_or_changes = route.method == "PUT"
        responses["200"] = _response(
            "The first response again." if route.idempotent else "Done, now or before.",
            route,
            schema,
            headers if creates_or_changes else (*headers, "Idempotency-Replayed"),
            [call for call in calls if call.status == 200],
        )
    if str(route.status) not in responses:
        done = [call for call in calls if call.status == route.status]
        responses[str(route.status)] = _response("Done.", route, schema, headers, done)
    codes_by_status: dict[int, list[str]] = {}
    for code in _codes(route):
        codes_by_status.setdefault(PROBLEM_BY_CODE[code].status, []).append(code)
    for status, codes in sorted(codes_by_status.items()):
        failed = {call.name: call.answer for call in calls if call.status == status}
        responses[str(status)] = error_response(status, codes, failed)
    return responses


def _codes(route: Route) -> list[str]:
    """Return the error codes of a route: those of its kind, its own, and those of every route."""
    codes = ["invalid_api_key", "forbidden"] if route.roles else []
    if route.body:
        codes += ["invalid_json", "request_too_large"]
    has_values = route.body or route.parameters_in_query or route.conditional or route.is_logged
    if has_values or set(route.path_parameters) - {"id"}:
        codes.append("invalid_request")
    if route.path_parameters:
        codes.append("not_found")
    if route.conditional:
        codes.append("version_mismatch")
    everywhere = ["internal_error", "unavailable"] if route.roles else ["internal_error"]
    return [*codes, *route.errors, *everywhere]


def _response(
    description: str,
    route: Route,
    schema: Schema,
    headers: tuple[str, ...],
    calls: Sequence[Example],
) -> dict[str, object]:
    values = {call.name: call.answer for call in calls}
    return {
        "description": description,
        "headers": described(headers),
        "content": {
            media_type: _media(schema, values if media_type == route.media_types[0] else {})
            for media_type in route.media_types
        },
    }


_SCHEMA_OF_ERROR: Mapping[int, Schema] = {401: {"anyOf": [ref("Error"), ref("NoKey")]}}
"""The errors that API Gateway itself responds with have another form."""


def _media(schema: Schema, values: Mapping[str, object]) -> dict[str, object]:
    named = {name: {"value": value} for name, value in values.items()}
    return {"schema": schema, "examples": named} if named else {"schema": schema}
