"""The types of the fields of responses, and how a field is described.

A field is declared once, in the TypedDict of its response: `Annotated[type, Doc("what it means")]`.
The type checker holds the builder to it, and the OpenAPI document and the schema of the events are
derived from it.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any


class Doc:
    """The description of a field, and what JSON Schema says of it beyond its Python type.

    The description goes before that of the type, if the type has one. Pydantic calls the method
    when a schema is asked for. Nothing here imports pydantic: a cold start pays for the
    declarations alone.
    """

    __slots__ = ("description", "keywords")

    def __init__(self, description: str = "", **keywords: object) -> None:
        self.description = description
        self.keywords = keywords

    def __get_pydantic_json_schema__(
        self, core_schema: Any, handler: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """Add the description and the keywords to the schema of the type."""
        schema = {**handler(core_schema), **self.keywords}
        sentences = [text for text in (self.description, schema.get("description")) if text]
        return {**schema, "description": " ".join(sentences)} if sentences else schema


type AmountText = Annotated[
    str,
    Doc(
        "An exact decimal in plain notation, without trailing zeros; sums may be long.",
        pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]{0,8}[1-9])?$",
    ),
]

Time = Annotated[str, Doc(format="date-time")]
"""RFC 3339 in UTC, always with milliseconds."""

Amounts = Mapping[str, AmountText]
"""Amounts by unit."""

Subjects = Mapping[str, str]
"""The id of each subject by its type."""
