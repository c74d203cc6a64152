"""Validation: from the errors of pydantic to InvalidValue, with a path and a sentence to act on."""

from collections.abc import Callable, Mapping

from pydantic_core import ErrorDetails, ValidationError

from spendgate_service.api.bodies.body import Body
from spendgate_service.domain.errors import InvalidValue

PARAM_LENGTH_MAX = 200
"""A path may contain a field's name as the caller wrote it, however long."""

_SENTENCES: Mapping[str, str] = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field; leave it out",
    "string_type": "send a text",
    "string_too_short": "send at least {min_length} character",
    "string_too_long": "send at most {max_length} characters",
    "int_type": "send a whole number",
    "bool_type": "send true or false",
    "dict_type": "send an object",
    "model_type": "send an object",
    "model_attributes_type": "send an object",
    "list_type": "send a list",
    "too_long": "send at most {max_length} of them",
    "greater_than_equal": "send {ge} or more",
    "less_than_equal": "send {le} or less",
    "literal_error": "send {expected}",
    "union_tag_invalid": "send one of {expected_tags} as {discriminator}",
    "union_tag_not_found": "the field {discriminator} is required",
    "value_error": "{error}",
}


def read_model[M: Body](model: type[M], value: Mapping[str, object]) -> M:
    """Validate a parsed body. Raises InvalidValue with the path of the first wrong field."""
    return validated(model.model_validate, value)


def validated[M](validate: Callable[[object], M], value: object, *, root: str = "body") -> M:
    """Validate a value. Raises InvalidValue instead of pydantic's own error.

    `root` is where the value stands in the request: the first word of a `param`.
    """
    try:
        return validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        param = _param(root, first, value)
        raise InvalidValue(f"{param}: {_sentence(first)}", param=param) from None


def _sentence(details: ErrorDetails) -> str:
    sentence = _SENTENCES.get(details["type"], "this value is not valid here")
    return sentence.format(**details.get("ctx", {}))


def _param(root: str, details: ErrorDetails, value: object) -> str:
    """Return the path as the caller wrote it.

    Pydantic's path also names the variant of a union and marks a wrong key with `[key]`: neither
    is anywhere in the body. A field that is missing is not there either, and is named all the same.
    """
    loc = details["loc"]
    names = [root]
    for position, step in enumerate(loc):
        is_missing = details["type"] == "missing" and position == len(loc) - 1
        if step == "[key]":
            continue
        if isinstance(value, dict) and isinstance(step, str):
            if step not in value and not is_missing:
                continue
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        names.append(str(step))
    return ".".join(names)[:PARAM_LENGTH_MAX]
