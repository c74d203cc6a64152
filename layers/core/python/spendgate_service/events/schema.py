"""The JSON Schema of the events, which `make docs` writes to docs/events.schema.json.

It stands for `detail` of an EventBridge event; its parts are those of the OpenAPI document. New
fields may be added in time, so that a receiver must not refuse what it does not know.
"""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.openapi.admin_schemas import STATEMENT_FIELDS
from spendgate_service.api.openapi.schemas import (
    SPENDING_SCHEMAS,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    nullable,
    object_of,
    ref,
    word_of,
)
from spendgate_service.events.envelope import VERSION

_AMOUNT = ref("AmountText")
_THRESHOLD = object_of(
    {
        "type": word_of("percentage", "soft_limit"),
        "pct": nullable(WHOLE),
        "amount": nullable(_AMOUNT),
    }
)
_ABOUT_BALANCE: Mapping[str, Schema] = {
    "budget_id": TEXT,
    "subject": TEXT,
    "balance": ref("Balance"),
}
_SWITCHED: Mapping[str, Schema] = {**_ABOUT_BALANCE, "balance": nullable(ref("Balance"))}
_CLOSED: Mapping[str, Schema] = {
    **_ABOUT_BALANCE,
    "statement": object_of(
        {
            **{name: one for name, one in STATEMENT_FIELDS.items() if name != "is_current"},
            "unit": nullable(TEXT),
        }
    ),
}
_RESERVATION: Mapping[str, Schema] = {"reservation": ref("Reservation")}

SAYS: Mapping[str, Mapping[str, Schema]] = {
    "budget.threshold_reached": {**_ABOUT_BALANCE, "threshold": _THRESHOLD},
    "budget.exhausted": _ABOUT_BALANCE,
    "budget.paused": {**_SWITCHED, "by": word_of("admin", "soft_limit")},
    "budget.resumed": {**_SWITCHED, "by": word_of("admin")},
    "budget.period_closed": _CLOSED,
    "reservation.expired": _RESERVATION,
    "reservation.overrun": _RESERVATION,
}
"""What each type of event says beside what all of them say."""

_PARTS = ("AmountText", "Balance", "Period", "Reservation")


def document() -> dict[str, Any]:
    """The schema, in the dialect of 2020-12."""
    events = {event_type: _event(event_type, says) for event_type, says in SAYS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The detail of an event of Spendgate",
        "oneOf": [{"$ref": f"#/$defs/{event_type}"} for event_type in events],
        "$defs": {**events, **{name: _here(SPENDING_SCHEMAS[name]) for name in _PARTS}},
    }


def _event(event_type: str, says: Mapping[str, Schema]) -> Any:
    schema = object_of(
        {
            "version": {"const": VERSION},
            "id": {"type": "string", "pattern": "^evt_[0-9a-f]{26}$"},
            "type": {"const": event_type},
            "tenant_id": TEXT,
            "occurred_at": TIME,
            **says,
        }
    )
    return _here(schema)


def _here(schema: Any) -> Any:
    """The schema with its references to the parts as they are named in this document."""
    match schema:
        case {"$ref": str(where)}:
            return {"$ref": where.replace("#/components/schemas/", "#/$defs/")}
        case dict():
            return {name: _here(one) for name, one in schema.items()}
        case list():
            return [_here(one) for one in schema]
    return schema
