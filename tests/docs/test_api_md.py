"""docs/api.md and the examples of the OpenAPI document are what the code says today."""

import json
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from spendgate_service.api.openapi.document import document
from spendgate_service.api.openapi.examples import examples
from spendgate_service.api.routes import ROUTE_BY_KEY
from spendgate_service.store.client import Table
from tests.docs.likeness import Likeness
from tests.docs.service import Reply, Service, bearer, service_over
from tests.docs.story import answer_in, ask, told
from tools.api_md import SECTIONS, api_md
from tools.docs import API_MD

DOCUMENT: Any = json.loads(json.dumps(document()))


def operations() -> list[Any]:
    return [
        pytest.param(operation, id=operation["operationId"])
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    ]


def test_the_reference_is_what_make_docs_writes() -> None:
    assert API_MD.read_text() == api_md(), "run make docs"


def test_every_operation_has_a_section() -> None:
    in_sections = [key for keys in SECTIONS.values() for key in keys]

    assert sorted(in_sections) == sorted(ROUTE_BY_KEY)
    assert in_sections == list(examples()), "the story is told in the order of the sections"


def test_the_document_is_one_of_openapi_3_1() -> None:
    OPENAPI_31_VALIDATOR.validate(DOCUMENT)


@pytest.mark.parametrize("operation", operations())
def test_every_operation_has_an_example_of_its_body_and_its_answer(operation: Any) -> None:
    done = [response for status, response in operation["responses"].items() if status < "300"]

    assert any(
        media.get("examples") for described in done for media in described["content"].values()
    )
    if operation.get("requestBody", {}).get("required"):
        assert operation["requestBody"]["content"]["application/json"]["examples"]


@pytest.mark.parametrize("operation", operations())
def test_every_example_fits_its_schema(operation: Any) -> None:
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for holder in [*bodies, *operation["responses"].values()]:
        for media in holder["content"].values():
            schema = {**media["schema"], "components": closed_components()}
            for name, example in media.get("examples", {}).items():
                assert jsonschema_rs.is_valid(schema, example["value"]), name


@pytest.mark.parametrize("operation", operations())
def test_every_parameter_is_explained_and_its_example_fits(operation: Any) -> None:
    for parameter in operation["parameters"]:
        assert parameter["description"]
        assert parameter.get("required") is None or "example" in parameter
        if "example" in parameter:
            assert jsonschema_rs.is_valid(parameter["schema"], parameter["example"])


def closed_components() -> Any:
    """The schemas with no room for a field that they do not name."""
    schemas = {
        name: {**schema, "additionalProperties": False} if "properties" in schema else schema
        for name, schema in DOCUMENT["components"]["schemas"].items()
    }
    return {"schemas": schemas}


def test_every_field_is_explained() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            assert field["description"], name


@pytest.fixture
def service(memory_table: Table) -> Service:
    return service_over(memory_table)


def test_the_service_answers_every_example_as_it_is_told(service: Service) -> None:
    likeness = Likeness()

    for route, calls in told().items():
        for call in calls:
            reply = ask(service, likeness, route, call)
            assert reply.status == call["status"], (route, reply.text)
            likeness.compare(call["answer"], answer_in(reply, call), at=f"{route} {call['title']}")


def test_every_status_code_and_header_of_the_story_is_in_the_document(service: Service) -> None:
    likeness = Likeness()

    for route, calls in told().items():
        for call in calls:
            reply = ask(service, likeness, route, call)
            likeness.compare(call["answer"], answer_in(reply, call))
            is_documented(route, reply)
            if "Idempotency-Key" in call.get("headers", {}) or is_finalizing(route):
                again = ask(service, likeness, route, call)
                assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
                is_documented(route, again)


def is_finalizing(route: str) -> bool:
    return route.endswith(("/settle", "/release"))


def is_documented(route: str, reply: Reply) -> None:
    method, path = route.replace("+}", "}").split()
    response = DOCUMENT["paths"][path][method.lower()]["responses"][str(reply.status)]
    assert reply.headers.keys() - {"Content-Type"} <= response["headers"].keys()
    if reply.status >= 400:
        assert f"`{json.loads(reply.text)['error']['code']}`" in response["description"]


@pytest.mark.parametrize("operation", operations())
def test_every_refusal_of_an_operation_is_in_the_document(operation: Any, service: Service) -> None:
    route = next(example for example in examples() if id_of(example) == operation["operationId"])
    path = examples()[route][0].path
    method = route.partition(" ")[0]
    key = bearer(service.keys["operator" if "tenants" in path else "admin"])

    is_documented(route, service.request(method, path, {}))
    is_documented(route, service.request(method, path, bearer(service.keys["caller"])))
    for body in (None, "{", "[]", '{"nonsense": 1}', " " * 70_000):
        is_documented(route, service.request(method, path, key, body))
    for query in ("?nonsense=1", "?limit=0", "?%FF=1", "?subject=nonsense"):
        is_documented(route, service.request(method, path.partition("?")[0] + query, key))
    nowhere = path.rpartition("/")[0] + "/%FF"
    if "{" in route.rpartition("/")[2]:
        is_documented(route, service.request(method, nowhere, key))


def id_of(route: str) -> str:
    method, path = route.replace("+}", "}").split()
    operation_id: str = DOCUMENT["paths"][path][method.lower()]["operationId"]
    return operation_id
