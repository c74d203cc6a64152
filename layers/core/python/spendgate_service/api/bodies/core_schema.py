"""From the declarations of a body to the schema by which pydantic's core validates it.

Pydantic derives the same from its own models, but importing what does that, and building the models
of one function, costs more of a cold start than all else that Spendgate imports (ADR 51). The core
is the same, and so are its errors; documents take JSON Schemas from these schemas by pydantic's
generator. What a body may declare is what stands here; anything else raises TypeError.
"""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import get_annotations
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Discriminator,
    Limits,
    Made,
    PlainValidator,
)

type CoreSchema = dict[str, Any]

_PLAIN: Mapping[object, str] = {
    int: "int",
    str: "str",
    bool: "bool",
    object: "any",
    Any: "any",
}

_DOCUMENTS = "pydantic_js_annotation_functions"
"""Where pydantic's generator of JSON Schemas looks for what documents say of a type."""


def core_schema_of(type_: Any) -> CoreSchema:
    """Return the core schema of a body, or of the type of a parameter."""
    types = _Types()
    schema = types.schema_of(type_)
    if not types.definitions:
        return schema
    return {
        "type": "definitions",
        "schema": schema,
        "definitions": list(types.definitions.values()),
    }


@cache
def defaults_of(body: Any) -> Mapping[str, object]:
    """Return the names of a body's fields, those of its bases first, each with its default.

    Where there is none it is Ellipsis.
    """
    return {
        name: base.__dict__.get(name, ...)
        for base in reversed(body.__mro__)
        for name, type_ in get_annotations(base).items()
        if not _is_of_the_class(type_)
    }


def _is_of_the_class(type_: object) -> bool:
    return get_origin(type_) is ClassVar


class _Types:
    """The schemas of types; what has a name is defined once and referred to."""

    def __init__(self) -> None:
        self.definitions: dict[str, CoreSchema] = {}

    def schema_of(self, type_: Any) -> CoreSchema:
        if isinstance(type_, TypeAliasType):
            return self._defined(type_, lambda: self.schema_of(type_.__value__))
        if isinstance(type_, type) and hasattr(type_, "model_config"):
            return self._defined(type_, lambda: self._body(type_))
        if hasattr(type_, "__metadata__"):
            return self._annotated(type_.__origin__, type_.__metadata__)
        return self._built_in(type_)

    def _built_in(self, type_: Any) -> CoreSchema:
        arguments = get_args(type_)
        match get_origin(type_) or type_:
            case origin if origin in _PLAIN:
                return {"type": _PLAIN[origin]}
            case origin if origin is Literal:
                return {"type": "literal", "expected": list(arguments)}
            case origin if origin in (Union, UnionType):
                return self._union(arguments)
            case origin if origin is dict and arguments:
                keys, values = map(self.schema_of, arguments)
                return {"type": "dict", "keys_schema": keys, "values_schema": values}
            case origin if origin is list and arguments:
                return {"type": "list", "items_schema": self.schema_of(arguments[0])}
        raise TypeError(f"a body cannot declare {type_!r}")

    def _defined(self, type_: Any, schema: Callable[[], CoreSchema]) -> CoreSchema:
        ref = f"{type_.__module__}.{type_.__name__}:{id(type_)}"
        if ref not in self.definitions:
            self.definitions[ref] = schema() | {"ref": ref}
        return {"type": "definition-ref", "schema_ref": ref}

    def _union(self, members: tuple[Any, ...]) -> CoreSchema:
        choices = [self.schema_of(member) for member in members if member is not NoneType]
        union = choices[0] if len(choices) == 1 else {"type": "union", "choices": choices}
        return {"type": "nullable", "schema": union} if NoneType in members else union

    def _annotated(self, type_: Any, markers: tuple[object, ...]) -> CoreSchema:
        discriminator = next((mark for mark in markers if isinstance(mark, Discriminator)), None)
        if any(isinstance(marker, PlainValidator) for marker in markers):
            schema: CoreSchema = {}
        elif discriminator is not None:
            schema = self._tagged_union(get_args(type_), discriminator.name)
        else:
            schema = self.schema_of(type_)
        for marker in markers:
            schema = _marked(schema, marker)
        return schema

    def _tagged_union(self, bodies: tuple[type, ...], name: str) -> CoreSchema:
        return {
            "type": "tagged-union",
            "discriminator": name,
            "choices": {
                tag: self.schema_of(body)
                for body in bodies
                for tag in get_args(get_type_hints(body)[name])
            },
        }

    def _body(self, body: Any) -> CoreSchema:
        hints = get_type_hints(body, include_extras=True)
        schema: CoreSchema = {
            "type": "model",
            "cls": body,
            "schema": {
                "type": "model-fields",
                "model_name": body.__name__,
                "fields": {
                    name: {"type": "model-field", "schema": self._field(hints[name], default)}
                    for name, default in defaults_of(body).items()
                },
            },
            "config": {
                "title": body.__name__,
                "strict": True,
                "extra_fields_behavior": "forbid",
            },
        }
        for check in _checks(body):
            schema = {
                "type": "function-after",
                "function": {"type": "no-info", "function": check},
                "schema": schema,
            }
        return schema

    def _field(self, type_: Any, default: object) -> CoreSchema:
        schema = self.schema_of(type_)
        if default is ...:
            return schema
        if isinstance(default, Made):
            return {"type": "default", "schema": schema, "default_factory": default.factory}
        return {"type": "default", "schema": schema, "default": default}


def _checks(body: type) -> list[Callable[..., object]]:
    """Return the methods that check the whole of a body, those of its bases first."""
    names = (
        name
        for base in reversed(body.__mro__)
        for name, value in base.__dict__.items()
        if getattr(value, "__checks_body__", False)
    )
    return [getattr(body, name) for name in dict.fromkeys(names)]


def _marked(schema: CoreSchema, marker: object) -> CoreSchema:
    """Apply what stands beside a type."""
    match marker:
        case PlainValidator():
            function = {"type": "no-info", "function": marker.function}
            return {"type": "function-plain", "function": function}
        case AfterValidator():
            function = {"type": "no-info", "function": marker.function}
            return {"type": "function-after", "function": function, "schema": schema}
        case Limits():
            return schema | marker.bounds
        case Discriminator():
            return schema
    document = getattr(marker, "__get_pydantic_json_schema__", None)
    if document is None:
        raise TypeError(f"a body cannot declare {marker!r}")
    documents = schema.get("metadata", {}).get(_DOCUMENTS, [])
    return schema | {"metadata": {_DOCUMENTS: [*documents, document]}}
