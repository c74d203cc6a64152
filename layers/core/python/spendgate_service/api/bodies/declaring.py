"""How a body's fields are declared: pydantic's own words, without its import.

Each word means what it means in pydantic. `bodies.core_schema` reads the declarations; this module
imports nothing, since every cold start loads it (ADR 51).
"""

from collections.abc import Callable, Mapping
from typing import Any

type JsonSchema = dict[str, Any]


class AfterValidator:
    """Checks a value, or changes it, after its type is known; a ValueError refuses it."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.function = function


class PlainValidator:
    """Reads a value in place of its type."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.function = function


class WithJsonSchema:
    """The schema of a value in documents, where its type does not say it."""

    __slots__ = ("schema",)

    def __init__(self, schema: JsonSchema) -> None:
        self.schema = schema

    def __get_pydantic_json_schema__(
        self, core_schema: object, handler: Callable[[object], JsonSchema]
    ) -> JsonSchema:
        """Return the schema in place of that of the type."""
        del core_schema, handler
        return {**self.schema}


class Discriminator:
    """The field that says which of several bodies a value is."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Limits:
    """The limits of a number (`ge`, `le`), or of a text, a list or an object."""

    __slots__ = ("bounds",)

    def __init__(
        self,
        *,
        ge: int | None = None,
        le: int | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        pattern: str | None = None,
    ) -> None:
        bounds: Mapping[str, int | str | None] = {
            "ge": ge,
            "le": le,
            "min_length": min_length,
            "max_length": max_length,
            "pattern": pattern,
        }
        self.bounds = {name: bound for name, bound in bounds.items() if bound is not None}


class Made:
    """The default of a field that each body makes anew."""

    __slots__ = ("factory",)

    def __init__(self, factory: Callable[[], object]) -> None:
        self.factory = factory


def field(*, default_factory: Callable[[], object]) -> Any:
    """Declare a field whose default each body makes anew."""
    return Made(default_factory)


def model_validator[F: Callable[..., object]](check: F) -> F:
    """Let a method check a whole body once its fields are read; a ValueError refuses the body."""
    check.__checks_body__ = True  # type: ignore[attr-defined] # (functions take attributes)
    return check
