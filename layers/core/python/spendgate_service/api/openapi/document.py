"""The OpenAPI 3.1 document, derived from the routes, the models and the table of errors.

Only the admin function imports it.
"""

from collections.abc import Mapping
from functools import cache

from pydantic.json_schema import GenerateJsonSchema

from spendgate_service.api.bodies.core_schema import core_schema_of
from spendgate_service.api.openapi.headers import HEADERS
from spendgate_service.api.openapi.operations import documented_path, error_response, operation
from spendgate_service.api.openapi.schemas import REF_TEMPLATE, Schema
from spendgate_service.api.routes import ROUTES
from spendgate_service.wire.errors import ErrorResponse, NoKeyResponse
from spendgate_service.wire.json_schema import json_schemas


@cache
def document() -> dict[str, object]:
    """Return the document; it is the same object every time, so do not change it."""
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        path = paths.setdefault(documented_path(route.path), {})
        path[route.method.lower()] = operation(route, _response_schemas()[0][route.response])
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
            "responses": {
                "NoSuchRoute": error_response(404, ["not_found"]),
                "NoSuchMethod": error_response(405, ["method_not_allowed"]),
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def response_components() -> Mapping[str, Schema]:
    """Return the schemas of responses and of their parts, by name."""
    return _response_schemas()[1]


def _components() -> dict[str, Schema]:
    """Return the schemas of bodies and responses; they share names of enumerations alone."""
    bodies, responses = _body_schemas(), response_components()
    shared = bodies.keys() & responses.keys()
    assert all(bodies[name] == responses[name] for name in shared), shared
    return {**bodies, **responses}


@cache
def _response_schemas() -> tuple[Mapping[object, Schema], Mapping[str, Schema]]:
    """Return the schema of each response, and the components that these refer to."""
    types = [route.response for route in ROUTES]
    return json_schemas(
        dict.fromkeys([*types, ErrorResponse, NoKeyResponse]), ref_template=REF_TEMPLATE
    )


def _body_schemas() -> dict[str, Schema]:
    models = {route.body for route in ROUTES if route.body is not None}
    in_order = sorted(models, key=lambda model: model.__name__)
    _, definitions = GenerateJsonSchema(ref_template=REF_TEMPLATE).generate_definitions(
        [(model.__name__, "validation", core_schema_of(model)) for model in in_order]
    )
    return {str(name): schema for name, schema in definitions.items()}
