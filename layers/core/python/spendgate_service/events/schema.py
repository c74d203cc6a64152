"""The JSON Schema of the events, which `make docs` writes to docs/events.schema.json.

It describes `detail` of an EventBridge event. New fields may be added in time, so a receiver must
accept fields that it does not know.
"""

from spendgate_service.wire.events import DETAILS, Envelope
from spendgate_service.wire.json_schema import Schema, json_schemas


def document() -> dict[str, object]:
    """Return the schema, in the dialect of 2020-12."""
    types = [Envelope, *dict.fromkeys(DETAILS.values())]
    _, parts = json_schemas(types, ref_template="#/$defs/{model}")
    envelope = parts.pop(Envelope.__name__)
    details = {detail: parts.pop(detail.__name__) for detail in types[1:]}
    events = {
        event_type: _event(event_type, envelope, details[detail])
        for event_type, detail in DETAILS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The detail of an event of Spendgate",
        "oneOf": [{"$ref": f"#/$defs/{event_type}"} for event_type in events],
        "$defs": {**events, **parts},
    }


def _event(event_type: str, envelope: Schema, detail: Schema) -> Schema:
    shared, own = _mapping(envelope["properties"]), _mapping(detail["properties"])
    kind = {**_mapping(shared["type"]), "const": event_type}
    del kind["type"]
    return {
        "type": "object",
        "description": detail["description"],
        "properties": {**shared, "type": kind, **own},
        "required": [*_list(envelope["required"]), *_list(detail["required"])],
    }


def _mapping(value: object) -> Schema:
    assert isinstance(value, dict)
    return value


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
