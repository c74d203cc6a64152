"""The schemas of the answers about budgets, tenants and what is set for them."""

from collections.abc import Mapping

from spendgate_service.api.openapi.schemas import (
    AMOUNT_REF,
    FLAG,
    FREE,
    LEDGER_ENTRY_FIELDS,
    STATUS,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    list_of,
    nullable,
    object_of,
    ref,
    word_of,
)

_PERIOD_RULE = object_of(
    {"type": word_of("none", "calendar", "duration", "rolling")},
    optional={"unit": TEXT, "timezone": TEXT, "seconds": WHOLE, "window": TEXT},
)
_CARRY_OVER = object_of({"unused": FLAG, "max": nullable(AMOUNT_REF), "debt": FLAG})
_BUDGET = object_of(
    {
        "budget_id": TEXT,
        "subject": TEXT,
        "unit": TEXT,
        "limit": AMOUNT_REF,
        "soft_limit": nullable(AMOUNT_REF),
        "on_soft_limit": word_of("warn", "pause"),
        "warn_at_pct": list_of(WHOLE),
        "period": ref("PeriodRule"),
        "carry_over": nullable(_CARRY_OVER),
        "mode": word_of("enforce", "shadow"),
        "name": nullable(TEXT),
        "metadata": FREE,
        "status": STATUS,
        "version": WHOLE,
        "created_at": TIME,
        "updated_at": TIME,
    },
    optional={"balance": ref("Balance")},
)
_CREDIT = object_of({**LEDGER_ENTRY_FIELDS, "balance": ref("Balance")})
STATEMENT_FIELDS: Mapping[str, Schema] = {
    "id": TEXT,
    "budget_id": TEXT,
    "subject": TEXT,
    "unit": TEXT,
    "period_key": TEXT,
    "starts_at": TIME,
    "ends_at": TIME,
    "limit": AMOUNT_REF,
    "credits": AMOUNT_REF,
    "carried_in": AMOUNT_REF,
    "spent": AMOUNT_REF,
    "held": AMOUNT_REF,
    "unused": AMOUNT_REF,
    "overrun": AMOUNT_REF,
    "carried_out": AMOUNT_REF,
    "closed_at": TIME,
    "revision": WHOLE,
    "corrects": nullable(TEXT),
    "is_current": FLAG,
    "is_final": FLAG,
}
_DIFFERENCE = object_of(
    {
        "subject": TEXT,
        "period_key": TEXT,
        "balance": word_of("spent", "entitlement", "carried"),
        "expected": AMOUNT_REF,
        "found": AMOUNT_REF,
    }
)
_AUDIT = object_of(
    {
        "budget_id": TEXT,
        "counters": WHOLE,
        "entries": WHOLE,
        "differences": list_of(ref("Difference")),
        "next_cursor": nullable(TEXT),
    }
)
_TOKEN_CAP = object_of(
    {
        "subject": TEXT,
        "max_prompt_tokens": nullable(WHOLE),
        "max_completion_tokens": nullable(WHOLE),
        "max_total_tokens": nullable(WHOLE),
    }
)
_PRICE = object_of(
    {
        "provider": TEXT,
        "model": TEXT,
        "currency": TEXT,
        "input_per_million": AMOUNT_REF,
        "output_per_million": AMOUNT_REF,
        "cached_input_per_million": nullable(AMOUNT_REF),
        "source": word_of("override", "builtin"),
        "updated_at": nullable(TIME),
    }
)
_RATE = object_of(
    {
        "from": TEXT,
        "to": TEXT,
        "rate": AMOUNT_REF,
        "max_age_seconds": nullable(WHOLE),
        "updated_at": TIME,
    }
)
_SHOWN_ONCE = {
    **nullable(TEXT),
    "description": "Shown once, in the answer that creates the key; null in a replay of it.",
}
_KEY = object_of(
    {
        "key_id": TEXT,
        "tenant_id": TEXT,
        "role": word_of("operator", "admin", "caller", "reader"),
        "name": nullable(TEXT),
        "created_at": TIME,
    },
    optional={"secret": _SHOWN_ONCE},
)
_TENANT = object_of(
    {
        "tenant_id": TEXT,
        "name": nullable(TEXT),
        "require_budget": FLAG,
        "unpriced_model": word_of("reject", "allow"),
        "created_at": TIME,
        "updated_at": TIME,
    },
    optional={"admin_key": _SHOWN_ONCE},
)

ADMIN_SCHEMAS: Mapping[str, Schema] = {
    "Audit": _AUDIT,
    "Budget": _BUDGET,
    "Credit": _CREDIT,
    "Difference": _DIFFERENCE,
    "Key": _KEY,
    "PeriodRule": _PERIOD_RULE,
    "Price": _PRICE,
    "Rate": _RATE,
    "Statement": object_of(STATEMENT_FIELDS),
    "Tenant": _TENANT,
    "TokenCap": _TOKEN_CAP,
}
