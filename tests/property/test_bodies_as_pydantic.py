"""Bodies read, refuse, dump and document what pydantic's own models of the same fields do.

The kind: all that a body may declare. The models are made from the same declarations; each value is
an example of the API of which a few members were changed, added or taken out.
"""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from spendgate_service.api import parameters
from spendgate_service.api.bodies.body import Body, reader_of
from spendgate_service.api.bodies.core_schema import core_schema_of
from spendgate_service.api.bodies.messages import AnyMessage
from spendgate_service.api.openapi.document import document
from spendgate_service.api.parameters import Parameter
from spendgate_service.api.routes import ROUTES
from spendgate_service.api.validation import validated
from spendgate_service.domain.errors import InvalidValue
from tests.support.examples import examples
from tests.support.pydantic_twins import adapter_of, twin_of

BODIES = sorted({route.body for route in ROUTES if route.body}, key=lambda body: body.__name__)
PARAMETERS = [value for value in vars(parameters).values() if isinstance(value, Parameter)]
MESSAGES: list[dict[str, Any]] = [
    {"type": "settle", "reservation_id": "rsv_1", "actual": {"usd": "0.5"}},
    {"type": "capture", "reservation_id": "rsv_1", "actual": {"usd": "0.5"}},
    {"type": "release", "reservation_id": "rsv_1"},
    {"type": "record", "event_id": "evt_1", "subjects": {"agent": "a"}, "actual": {"usd": "1"}},
]
VALUES: list[Any] = [
    None, True, 0, 1, -1, 10**13, Decimal("1.5"), Decimal("-0.1"), "", "x", "x" * 600,
    "0.05", "usd", "reject", "charge", "inherit", "agent:*", "openai/gpt-4o",
    "2026-03-08T12:00:00Z", [], ["x"], [50, 80], [1], {}, {"usd": "1"}, {"batch": "0.5"},
    {"agent": "a", "model": "b"},
    {"type": "none"}, {"type": "calendar", "unit": "day"}, {"type": "rolling", "window": "5h"},
    {"type": "duration", "seconds": 5}, {"type": "other"}, {"unused": True},
    [{"calls": 1, "amounts": {"usd": "0.1"}}], [{"above_input_tokens": 5}],
]  # fmt: skip


def sent_to(body: type[Body]) -> list[dict[str, Any]]:
    """The bodies of the API's examples, as its reader of JSON gives them."""
    reference = f"#/components/schemas/{body.__name__}"
    paths: Any = document()["paths"]
    contents = [
        operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for path in paths.values()
        for operation in path.values()
    ]
    return [
        example["value"]
        for content in contents
        if content.get("schema", {}).get("$ref") == reference
        for example in content.get("examples", {}).values()
    ] or [{}]


@st.composite
def changed(draw: st.DrawFn, values: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """One of the values, a few members of which are other ones."""
    value: dict[str, Any] = deepcopy(draw(st.sampled_from(values)))
    for _ in range(draw(st.integers(0, 3))):
        place: Any = draw(st.sampled_from(list(objects_in(value))))
        name = draw(st.sampled_from([*names, *map(str, place)]))
        if draw(st.booleans()) and name in place:
            del place[name]
        else:
            place[name] = deepcopy(draw(st.sampled_from(VALUES)))
    return value


def objects_in(value: Any) -> list[dict[str, Any]]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    below = [found for item in inner for found in objects_in(item)]
    return [value, *below] if isinstance(value, dict) else below


def read(reader: Any, value: object) -> object:
    """What a reader makes of a value, as far as the service can tell."""
    try:
        body = validated(reader, value)
    except InvalidValue as refused:
        return str(refused), refused.param
    if not hasattr(body, "model_dump"):
        return body
    sent = sorted(body.model_fields_set)
    return type(body).__name__, body.model_dump(), body.model_dump(exclude_defaults=True), sent


@pytest.mark.parametrize("body", BODIES)
def test_a_body_reads_as_a_model_of_pydantic(body: type[Body]) -> None:
    twin = twin_of(body)
    names = [*body.field_names(), "no_such_field"]

    @settings(max_examples=examples(60))
    @given(value=changed(sent_to(body), names))
    def same(value: dict[str, Any]) -> None:
        assert read(body.model_validate, value) == read(twin.model_validate, deepcopy(value))

    same()


@settings(max_examples=examples(200))
@given(
    value=changed(
        [{"version": 1, "tenant_id": "acme", **message} for message in MESSAGES],
        [
            "version",
            "type",
            "tenant_id",
            "reservation_id",
            "event_id",
            "actual",
            "usage",
            "entries",
        ],
    )
)
def test_a_message_reads_as_a_union_of_pydantic(value: dict[str, Any]) -> None:
    pydantics = adapter_of(AnyMessage).validate_python
    assert read(reader_of(AnyMessage), value) == read(pydantics, deepcopy(value))


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_a_parameter_reads_and_is_documented_as_by_pydantic(parameter: Parameter) -> None:
    adapter = adapter_of(parameter.type)
    for value in [str(value) for value in VALUES if isinstance(value, (str, int))]:
        assert read(parameter.read, value) == read(adapter.validate_python, value)
    schema = GenerateJsonSchema().generate(core_schema_of(parameter.type))
    assert schema == adapter.json_schema()


def test_bodies_are_documented_as_models_of_pydantic() -> None:
    _, expected = models_json_schema([(twin_of(body), "validation") for body in BODIES])
    _, definitions = GenerateJsonSchema().generate_definitions(
        [(body.__name__, "validation", core_schema_of(body)) for body in BODIES]
    )
    assert definitions == expected["$defs"]


@pytest.mark.parametrize("type_", [set[str], dict, float, tuple[int, ...]], ids=str)
def test_what_a_body_cannot_declare_is_a_mistake_of_its_author(type_: object) -> None:
    with pytest.raises(TypeError):
        core_schema_of(type_)
