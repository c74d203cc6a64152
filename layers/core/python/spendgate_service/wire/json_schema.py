"""JSON Schemas of the responses, derived from their TypedDicts.

It needs pydantic, so only what writes a document imports it: no cold start does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

type Schema = dict[str, object]

_PAGE = "PageResponse_"
"""How the names of the pages of a list begin: pages have no name of their own in a document."""


class _Untitled(GenerateJsonSchema):
    """Titles would repeat the names of fields and types."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


def json_schemas(
    types: Iterable[Any], *, ref_template: str
) -> tuple[dict[object, Schema], dict[str, Schema]]:
    """Return the schema of each type, and by their names those that the schemas refer to.

    `ref_template` says where a document keeps these, such as `#/$defs/{model}`. Their names are
    those of the TypedDicts without the ending `Response`.
    """
    adapters: list[tuple[Any, TypeAdapter[Any]]] = [(type_, TypeAdapter(type_)) for type_ in types]
    by_place, whole = TypeAdapter.json_schemas(
        [(number, "serialization", adapter) for number, (_, adapter) in enumerate(adapters)],
        ref_template=ref_template,
        schema_generator=_Untitled,
    )
    definitions: dict[str, Schema] = whole.get("$defs", {})
    pages = {name: definitions.pop(name) for name in list(definitions) if name.startswith(_PAGE)}
    inlined = {ref_template.format(model=name): schema for name, schema in pages.items()}
    schemas = {
        type_: _named(inlined.get(str(schema.get("$ref")), schema))
        for (type_, _), schema in zip(adapters, by_place.values(), strict=True)
    }
    return schemas, {_name(name): _named(schema) for name, schema in sorted(definitions.items())}


def _name(name: str) -> str:
    return name.removesuffix("Response")


def _named(schema: Mapping[str, object]) -> Schema:
    """Return a schema with the names of a document, and without titles of types."""
    return {key: _value(key, value) for key, value in schema.items() if not _is_title(key, value)}


def _is_title(key: str, value: object) -> bool:
    return key == "title" and isinstance(value, str)


def _value(key: str, value: object) -> object:
    match value:
        case str() if key == "$ref":
            return _name(value)
        case dict():
            return _named(value)
        case list():
            return [_value("", item) for item in value]
    return value
