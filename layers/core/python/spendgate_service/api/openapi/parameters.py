"""The parameters of the interface: what each one means, and which values it takes."""

from collections.abc import Mapping

from spendgate_service.api.bodies.fields import (
    ID_PATTERN,
    LABEL_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    SUBJECT_SCHEMA,
    SUBJECTS_SCHEMA,
    WORD_SCHEMA,
)
from spendgate_service.api.openapi.schemas import TEXT, WHOLE, Schema, word_of
from spendgate_service.api.query import CURSOR_LENGTH_MAX
from spendgate_service.store.paging import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

MEANINGS: Mapping[str, str] = {
    "Idempotency-Key": "The same key with the same request gets the first answer again.",
    "cursor": "Where to go on: the next cursor of the page before.",
    "format": "csv (if not said) or jsonl.",
    "from": "For an export its first moment, else the unit that is converted.",
    "id": "The id of the object; in a token cap the subject's, or * for its type's default.",
    "limit": "How many on one page.",
    "model": "The model as its provider names it; it may have slashes.",
    "provider": "Who runs the model.",
    "subject": "Only of this subject, as type:id.",
    "subjects": "Any number of type=id.",
    "to": "For an export the first moment after it, else the unit that is converted to.",
    "type": "The type of the subject.",
}

_MOMENT: Schema = {
    **TEXT,
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "examples": ["2026-03-01", "2026-03-01T00:00:00Z"],
}

_SCHEMAS: Mapping[tuple[str, str], Schema] = {
    ("header", "Idempotency-Key"): {**TEXT, "pattern": "^[!-~]{1,255}$"},
    ("path", "from"): WORD_SCHEMA,
    ("path", "id"): {**TEXT, "pattern": f"^{ID_PATTERN}$"},
    ("path", "model"): {**TEXT, "minLength": 1, "maxLength": REFERENCE_LENGTH_MAX},
    ("path", "provider"): {**TEXT, "minLength": 1, "maxLength": LABEL_LENGTH_MAX},
    ("path", "to"): WORD_SCHEMA,
    ("path", "type"): WORD_SCHEMA,
    ("query", "cursor"): {**TEXT, "maxLength": CURSOR_LENGTH_MAX},
    ("query", "format"): word_of("csv", "jsonl"),
    ("query", "from"): _MOMENT,
    ("query", "limit"): {
        **WHOLE,
        "minimum": 1,
        "maximum": PAGE_SIZE_MAX,
        "default": PAGE_SIZE_DEFAULT,
    },
    ("query", "subject"): SUBJECT_SCHEMA,
    ("query", "subjects"): SUBJECTS_SCHEMA,
    ("query", "to"): _MOMENT,
}


def parameter(name: str, place: str) -> Schema:
    """A parameter in the path, the query or a header."""
    described = {"name": name, "in": place, "description": MEANINGS[name]}
    return {**described, "schema": _SCHEMAS[place, name]}
