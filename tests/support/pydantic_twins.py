"""Pydantic models with the declarations of our bodies: what the bodies are held against."""

import types
from functools import cache
from inspect import get_annotations
from types import FunctionType, NoneType, UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel, Field, TypeAdapter

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Discriminator,
    Limits,
    Made,
    PlainValidator,
    WithJsonSchema,
)


def twin_of(body: type[Body]) -> type[BaseModel]:
    """Return the pydantic model with the fields, the checks and the methods of a body."""
    declared: Any = body
    return _twin(declared)


@cache
def _twin(body: Any) -> type[BaseModel]:
    own = vars(body)
    hints = {name: _type_of(hint) for name, hint in get_annotations(body).items()}
    names: dict[str, Any] = {
        "__module__": body.__module__,
        "__doc__": body.__doc__,
        "__annotations__": hints,
        "model_config": {"strict": True, "frozen": True, **body.model_config},
        **{name: _member(value) for name, value in own.items() if _is_member(value)},
        **{name: _default(own[name]) for name in hints if name in own},
    }
    bases = tuple(BaseModel if base is Body else twin_of(base) for base in body.__bases__)
    twin: type[BaseModel] = types.new_class(
        body.__name__, bases, exec_body=lambda namespace: namespace.update(names)
    )
    return twin


def adapter_of(type_: Any) -> TypeAdapter[Any]:
    """Return pydantic's reader of a declared type."""
    return TypeAdapter(_type_of(type_))


def _is_member(value: object) -> bool:
    return isinstance(value, (FunctionType, property, staticmethod, classmethod))


def _member(value: Any) -> Any:
    if getattr(value, "__checks_body__", False):
        return pydantic.model_validator(mode="after")(value)
    return value


def _default(value: object) -> Any:
    match value:
        case Made():
            return Field(default_factory=value.factory)
        case Body():
            return twin_of(type(value)).model_validate(value.model_dump())
    return value


def _type_of(type_: Any) -> Any:
    if isinstance(type_, TypeAliasType):
        return type_
    if isinstance(type_, type) and issubclass(type_, Body):
        return twin_of(type_)
    if hasattr(type_, "__metadata__"):
        markers = [_marker(marker) for marker in type_.__metadata__]
        return Annotated[(_type_of(type_.__origin__), *markers)]
    origin = get_origin(type_)
    if origin in (Union, UnionType):
        return Union[tuple(map(_type_of, get_args(type_)))]  # noqa: UP007 (of a tuple)
    if origin in (dict, list):
        return origin[tuple(map(_type_of, get_args(type_)))]
    return NoneType if type_ is None else type_


def _marker(marker: Any) -> Any:
    match marker:
        case AfterValidator():
            return pydantic.AfterValidator(marker.function)
        case PlainValidator():
            return pydantic.PlainValidator(marker.function)
        case WithJsonSchema():
            return pydantic.WithJsonSchema(marker.schema)
        case Limits():
            bounds: dict[str, Any] = {**marker.bounds}
            return Field(**bounds)
        case Discriminator():
            return Field(discriminator=marker.name)
    return marker
