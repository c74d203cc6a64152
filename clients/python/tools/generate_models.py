"""Write `models.py` and `params.py` out of the service's OpenAPI document.

Usage: `generate_models.py openapi.json DIRECTORY`. Responses become pydantic models that accept new
fields; request bodies become TypedDicts, so that methods take them as keyword arguments.
"""

import json
import keyword
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]

_NOTE = "Generated from the OpenAPI document by `make client-models`. Do not edit."
_AMOUNT = "AmountText"
_WIDTH = 96
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}

_MODELS_HEAD = f'''"""What the service sends.

{_NOTE}
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """The base of every response; fields that a newer service adds are kept."""

    model_config = ConfigDict(extra="allow", defer_build=True, populate_by_name=True)
'''

_PARAMS_HEAD = f'''"""What callers send.

{_NOTE}
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Required, TypedDict

Amount = Decimal | int | float | str
"""An exact decimal; a float counts as the digits that it prints."""
'''


class Writer:
    """Turns schemas into classes, each named once."""

    def __init__(self, schemas: Mapping[str, Schema], *, requests: bool) -> None:
        self._schemas = schemas
        self._requests = requests
        self._classes: dict[str, str] = {}
        self._done: set[str] = set()

    def add(self, name: str) -> None:
        """Write a named schema, after those that it refers to."""
        if name in self._done:
            return
        self._done.add(name)
        self._class(class_name(name), self._schemas[name])

    def text(self) -> str:
        """All classes, in the order of their dependencies."""
        return "\n\n".join(self._classes.values())

    def _class(self, name: str, schema: Schema) -> str:
        required = set(schema.get("required", ()))
        fields = [
            self._field(name, field, value, required=field in required)
            for field, value in schema.get("properties", {}).items()
        ]
        summary = schema.get("description") or f"The `{name}` object."
        base = "TypedDict, total=False" if self._requests else "Model"
        lines = [f"class {name}({base}):", f'    """{_sentence(summary)}"""', ""]
        self._classes[name] = "\n".join([*lines, *fields]) + "\n"
        return name

    def _field(self, owner: str, field: str, schema: Schema, *, required: bool) -> str:
        kind = self._type(owner, field, schema)
        name = f"{field}_" if keyword.iskeyword(field) or hasattr(dict, field) else field
        if self._requests:
            assert not keyword.iskeyword(field), field
            line = f"    {field}: {f'Required[{kind}]' if required else kind}"
        else:
            if not required and "None" not in kind.split(" | "):
                kind = f"{kind} | None"
            default = "" if required else "None"
            if name != field:
                default = f'Field({default or "..."}, alias="{field}")'
            line = f"    {name}: {kind}" + (f" = {default}" if default else "")
        note = schema.get("description", "")
        return line + (f'\n    """{_sentence(note)}"""' if note else "")

    def _type(self, owner: str, field: str, schema: Schema) -> str:  # noqa: PLR0911 (a case a line)
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]).rsplit("/", 1)[-1])
        if _is_amount(schema):
            return "Amount"
        options = schema.get("anyOf") or schema.get("oneOf")
        if options and "properties" not in schema:
            kinds = [self._type(owner, field, option) for option in options]
            return " | ".join(dict.fromkeys(kinds))
        if "enum" in schema or "const" in schema:
            values = schema.get("enum") or [schema["const"]]
            literal = ", ".join(json.dumps(value) for value in values)
            return f"Literal[{literal}]" if self._requests else "str"
        if schema.get("format") == "date-time":
            return "str" if self._requests else "datetime"
        match schema.get("type"):
            case "null":
                return "None"
            case "array":
                item = self._type(owner, field.removesuffix("s"), schema.get("items", {}))
                return f"Sequence[{item}]" if self._requests else f"list[{item}]"
            case "object":
                return self._object(owner, field, schema)
            case str() as scalar:
                return _SCALARS[scalar]
            case _:
                return "Any"

    def _object(self, owner: str, field: str, schema: Schema) -> str:
        if schema.get("properties"):
            return self._class(owner + _camel(field), schema)
        values = schema.get("additionalProperties")
        value = self._type(owner, field, values) if isinstance(values, Mapping) else "Any"
        return f"Mapping[str, {value}]" if self._requests else f"dict[str, {value}]"

    def _reference(self, name: str) -> str:
        if name == _AMOUNT:
            return "Amount" if self._requests else "Decimal"
        schema = self._schemas[name]
        if "properties" not in schema:
            return self._type(class_name(name), "value", schema)
        self.add(name)
        return class_name(name)


def class_name(schema: str) -> str:
    """The name of the class: `CreateBudgetBody` becomes `CreateBudget`."""
    return schema.removesuffix("Body")


def request_and_response_names(document: Schema) -> tuple[list[str], list[str]]:
    """The schemas that operations name, as bodies and as responses."""
    bodies: dict[str, None] = {}
    responses: dict[str, None] = {"Error": None, "Violation": None}
    for operation in _operations(document):
        for name in _references(operation.get("requestBody", {})):
            bodies[name] = None
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                responses.update(dict.fromkeys(_references(_without_examples(response))))
    return sorted(bodies), sorted(responses)


def generate(document: Schema) -> dict[str, str]:
    """The text of each module, by its file's name."""
    schemas = document["components"]["schemas"]
    bodies, responses = request_and_response_names(document)
    texts = {}
    for file, head, names in (
        ("models.py", _MODELS_HEAD, responses),
        ("params.py", _PARAMS_HEAD, bodies),
    ):
        writer = Writer(schemas, requests=file == "params.py")
        for name in names:
            if schemas[name].get("properties"):
                writer.add(name)
        text = f"{head}\n\n{writer.text()}"
        texts[file] = _without_unused(text)
    return texts


def _operations(document: Schema) -> Iterator[Schema]:
    for methods in document["paths"].values():
        yield from methods.values()


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            section, name = str(node["$ref"]).rsplit("/", 2)[-2:]
            if section == "schemas":
                yield name
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _without_examples(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_examples(value) for key, value in node.items() if key != "examples"}
    return [_without_examples(value) for value in node] if isinstance(node, list) else node


def _is_amount(schema: Schema) -> bool:
    """Whether it is a decimal that may be sent as text or as a number."""
    options = schema.get("anyOf", ())
    kinds = [option.get("type") for option in options if isinstance(option, Mapping)]
    return kinds == ["string", "number"]


def _camel(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))


def _sentence(text: str) -> str:
    clean = re.sub(r"\s+", " ", text).strip().replace("\\", "\\\\").replace('"', "'")
    return "\n    ".join(textwrap.wrap(clean, _WIDTH - 8))


def _without_unused(text: str) -> str:
    """Drop the imports that the classes do not need."""
    lines = []
    for line in text.split("\n"):
        match = re.fullmatch(r"from (\S+) import (.+)", line)
        if match:
            names = [n for n in match[2].split(", ") if len(re.findall(rf"\b{n}\b", text)) > 1]
            if not names:
                continue
            line = f"from {match[1]} import {', '.join(names)}"  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines)


def main(document_path: str, directory: str) -> int:
    """Write both modules."""
    document = json.loads(Path(document_path).read_text(encoding="utf-8"))
    for name, text in generate(document).items():
        Path(directory, name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
