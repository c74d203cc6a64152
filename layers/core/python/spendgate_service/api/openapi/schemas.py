"""The schemas of the answers, as OpenAPI 3.1 wants them; a test compares them with real answers."""

from collections.abc import Mapping

type Schema = dict[str, object]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
PERCENT: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
AMOUNT: Schema = {
    "type": "string",
    "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]{0,8}[1-9])?$",
    "description": "An exact decimal in plain notation, without trailing zeros; sums may be long.",
}
FREE: Schema = {"type": "object", "additionalProperties": True}


def ref(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(schema: Schema) -> Schema:
    """Any number of them."""
    return {"type": "array", "items": schema}


def map_of(schema: Schema) -> Schema:
    """One for each key."""
    return {"type": "object", "additionalProperties": schema}


def word_of(*words: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def object_of(
    fields: Mapping[str, Schema], *, optional: Mapping[str, Schema] | None = None
) -> Schema:
    """An object of those fields; new ones may be added to it in time."""
    properties = {**fields, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(fields)}


def page_of(schema: Schema) -> Schema:
    """One page of a list of them."""
    return object_of({"data": list_of(schema), "next_cursor": nullable(TEXT)})


STATUS = word_of("active", "warning", "paused", "exhausted", "disabled")
_AMOUNTS = map_of(ref("AmountText"))
_SUBJECTS = map_of(TEXT)
AMOUNT_REF = ref("AmountText")

_PERIOD = object_of(
    {
        "type": TEXT,
        "key": TEXT,
        "starts_at": nullable(TIME),
        "ends_at": nullable(TIME),
    }
)
_BALANCE = object_of(
    {
        "budget_id": TEXT,
        "name": nullable(TEXT),
        "subject": TEXT,
        "unit": TEXT,
        "period": ref("Period"),
        "limit": AMOUNT_REF,
        "credits": AMOUNT_REF,
        "carried_in": AMOUNT_REF,
        "soft_limit": nullable(AMOUNT_REF),
        "spent": AMOUNT_REF,
        "held": AMOUNT_REF,
        "available": AMOUNT_REF,
        "overrun": AMOUNT_REF,
        "utilization_pct": PERCENT,
        "percent_remaining": PERCENT,
        "status": STATUS,
        "resets_at": nullable(TIME),
        "resets_in_seconds": nullable(WHOLE),
        "forecast": nullable(
            object_of({"burn_rate_per_hour": AMOUNT_REF, "limit_reached_at": nullable(TIME)})
        ),
    }
)
_RESERVATION = {
    "reservation_id": TEXT,
    "expires_at": TIME,
    "created_at": TIME,
    "subjects": _SUBJECTS,
    "amounts": _AMOUNTS,
}
_GRANTED = object_of(
    {
        **_RESERVATION,
        "state": word_of("held"),
        "action": word_of("continue", "warn"),
        "warnings": list_of(TEXT),
        "unpriced": FLAG,
        "budgets": list_of(ref("Balance")),
    }
)
_RESERVATION_READ = object_of(
    {
        **_RESERVATION,
        "state": word_of("held", "settled", "released", "expired"),
        "finalized_at": nullable(TIME),
        "actual": nullable(_AMOUNTS),
        "late": FLAG,
        "overrun": FLAG,
        "lines": list_of(
            object_of(
                {
                    "budget_id": TEXT,
                    "subject": TEXT,
                    "unit": TEXT,
                    "period_key": TEXT,
                    "amount": AMOUNT_REF,
                    "from": nullable(TEXT),
                    "rate": nullable(AMOUNT_REF),
                }
            )
        ),
        "metadata": FREE,
    },
    optional={"unpriced": FLAG},
)
_CHECK = object_of(
    {
        "action": word_of("continue", "warn", "pause", "stop"),
        "allowed": FLAG,
        "message": nullable(TEXT),
        "error_code": nullable(TEXT),
        "budget_id": nullable(TEXT),
        "balance": nullable(AMOUNT_REF),
        "currency": nullable(TEXT),
        "retry_after_seconds": nullable(WHOLE),
        "warnings": list_of(TEXT),
        "unpriced": FLAG,
        "hint": TEXT,
        "budgets": list_of(ref("Balance")),
    }
)
_SPEND = object_of({"tenant_id": TEXT, "subjects": _SUBJECTS, "budgets": list_of(ref("Balance"))})
LEDGER_ENTRY_FIELDS: Mapping[str, Schema] = {
    "id": TEXT,
    "budget_id": TEXT,
    "subject": TEXT,
    "period_key": TEXT,
    "amount": AMOUNT_REF,
    "unit": TEXT,
    "meter_source": nullable(TEXT),
    "ref_type": nullable(TEXT),
    "ref_id": nullable(TEXT),
    "session_id": nullable(TEXT),
    "reservation_id": nullable(TEXT),
    "description": nullable(TEXT),
    "kind": word_of("spend", "credit", "carry_over"),
    "created_at": TIME,
}
_RECORDED = object_of(
    {
        "subjects": _SUBJECTS,
        "actual": _AMOUNTS,
        "entries": list_of(ref("LedgerEntry")),
        "unpriced": FLAG,
        "created_at": TIME,
    }
)
_VIOLATION = object_of(
    {
        "budget_id": TEXT,
        "subject": TEXT,
        "scope": TEXT,
        "unit": TEXT,
        "limit": AMOUNT_REF,
        "spent": AMOUNT_REF,
        "held": AMOUNT_REF,
        "available": AMOUNT_REF,
        "requested": AMOUNT_REF,
        "retry_after_seconds": nullable(WHOLE),
    }
)
_ERROR = object_of(
    {
        "error": object_of(
            {"code": TEXT, "type": TEXT, "message": TEXT, "param": nullable(TEXT)},
            optional={"violations": list_of(ref("Violation")), "budget_id": TEXT},
        )
    }
)

_NO_KEY = {
    **object_of({"message": TEXT}),
    "description": "What API Gateway itself answers to a request without any key.",
}

SPENDING_SCHEMAS: Mapping[str, Schema] = {
    "AmountText": AMOUNT,
    "Balance": _BALANCE,
    "Check": _CHECK,
    "Error": _ERROR,
    "LedgerEntry": object_of(LEDGER_ENTRY_FIELDS),
    "NoKey": _NO_KEY,
    "Period": _PERIOD,
    "RecordedSpend": _RECORDED,
    "Reservation": _RESERVATION_READ,
    "ReservationGranted": _GRANTED,
    "Spend": _SPEND,
    "Violation": _VIOLATION,
}
