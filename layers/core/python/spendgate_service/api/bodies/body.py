"""A body: the fields of a request, read by pydantic's core."""

from collections.abc import Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, ClassVar, NoReturn, Self, dataclass_transform

from pydantic_core import SchemaSerializer, SchemaValidator

from spendgate_service.api.bodies.core_schema import core_schema_of, defaults_of
from spendgate_service.api.bodies.declaring import JsonSchema, field


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Body:
    """What a caller sends: unknown fields are refused, nothing is coerced.

    A subclass declares its fields as a pydantic model does (`bodies.declaring`), and has the part
    of a model's methods that is used here, which do the same.
    """

    __slots__ = (
        "__dict__",
        "__pydantic_extra__",
        "__pydantic_fields_set__",
        "__pydantic_private__",
    )

    model_config: ClassVar[Mapping[str, object]] = {"extra": "forbid"}
    """What pydantic's generator of JSON Schemas asks of a model."""

    def __init_subclass__(
        cls, *, json_schema_extra: JsonSchema | Callable[[JsonSchema], None] | None = None
    ) -> None:
        """Take what documents say of the body, and of those derived from it, beyond its fields."""
        if json_schema_extra is not None:
            cls.model_config = {**cls.model_config, "json_schema_extra": json_schema_extra}

    def __init__(self, **fields: object) -> None:
        validator, _ = _core_of(type(self))
        validator.validate_python(fields, self_instance=self)

    @classmethod
    def model_validate(cls, value: object) -> Self:
        """Read a value. Raises pydantic's ValidationError."""
        body: Self = reader_of(cls)(value)
        return body

    @classmethod
    def field_names(cls) -> AbstractSet[str]:
        """Return the names of the fields."""
        own: Any = cls
        return defaults_of(own).keys()

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that were sent."""
        sent: set[str] = self.__pydantic_fields_set__  # type: ignore[attr-defined] # (set by the core)
        return sent

    def model_dump(self, **which: Any) -> dict[str, Any]:
        """Return the fields by name.

        `which` may have `include`, `exclude_defaults` and `exclude_none`, as in pydantic.
        """
        _, serializer = _core_of(type(self))
        dumped: dict[str, Any] = serializer.to_python(self, **which)
        return dumped

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """Return a copy in which some fields have other values, which are not checked."""
        changed = update or {}
        copy = object.__new__(type(self))
        for name, value in (
            ("__dict__", {**self.__dict__, **changed}),
            ("__pydantic_extra__", None),
            ("__pydantic_fields_set__", self.model_fields_set | changed.keys()),
            ("__pydantic_private__", None),
        ):
            object.__setattr__(copy, name, value)
        return copy

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a body does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({fields})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> dict[str, Any]:
        """Let pydantic write a body that is the default of a field into a document."""
        del source, handler
        return core_schema_of(cls)


def reader_of(type_: Any) -> Callable[[object], Any]:
    """Return what reads a value of a declared type. It raises pydantic's ValidationError."""
    validator, _ = _core_of(type_)
    return validator.validate_python


def _core_of(type_: Any) -> tuple[SchemaValidator, SchemaSerializer]:
    """Return what reads and what dumps a type, made once from one schema.

    The type checker takes the `__hash__` of bodies for that of their class; so this takes Any.
    """
    return _made_core(type_)


@cache
def _made_core(type_: Hashable) -> tuple[SchemaValidator, SchemaSerializer]:
    schema = core_schema_of(type_)
    return SchemaValidator(schema), SchemaSerializer(schema)
