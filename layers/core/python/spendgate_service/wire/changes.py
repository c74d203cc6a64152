"""Entries of the change log, and which fields of each object they compare."""

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.budgets import Budget, TokenCap
from spendgate_service.domain.changes import Action, Change
from spendgate_service.domain.increase_requests import IncreaseRequest
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.notifications import Notification
from spendgate_service.domain.prices import Price
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import ApiKey, Role, Tenant
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.wire.budgets import budget_response
from spendgate_service.wire.fields import Doc, Time
from spendgate_service.wire.increase_requests import increase_request_response
from spendgate_service.wire.keys import key_response
from spendgate_service.wire.notifications import notification_response
from spendgate_service.wire.periods import boundary_on_wire
from spendgate_service.wire.prices import price_response
from spendgate_service.wire.tenants import tenant_response
from spendgate_service.wire.token_caps import token_cap_response
from spendgate_service.wire.values import amounts_on_wire, optional_time_on_wire, time_on_wire

type Shown = Mapping[str, object]

_NOT_OF_A_BUDGET = {"status", "version", "revision", "created_at", "updated_at"}
_NOT_OF_A_TENANT = {"created_at", "updated_at"}
_NOT_OF_A_NOTIFICATION = {"revision", "created_at", "updated_at", "last_delivery"}
_NOT_OF_A_PRICE = {"source", "table_date"}

FieldChangeResponse = TypedDict(
    "FieldChangeResponse",
    {
        "field": Annotated[str, Doc("The name of the field.")],
        "from": Annotated[Any, Doc("Its value before the change; null: none.")],
        "to": Annotated[Any, Doc("Its value after the change; null: none.")],
    },
)
FieldChangeResponse.__doc__ = "One field that was changed."


class ChangeResponse(TypedDict):
    """A change by an admin or operator."""

    id: Annotated[str, Doc("The id of the entry.")]
    at: Annotated[Time, Doc("When it was changed.")]
    key_id: Annotated[
        str | None, Doc("The API key that changed it; null for a command on the table.")
    ]
    key_name: Annotated[str | None, Doc("The name of that key.")]
    role: Annotated[Role, Doc("The role of that key.")]
    actor: Annotated[
        str | None, Doc("For whom the key acted: the header Spendgate-Actor of the request.")
    ]
    reason: Annotated[
        str | None, Doc("Why: the header Spendgate-Reason, or else the reason of a reversal.")
    ]
    request_id: Annotated[str | None, Doc("The id of the request, also in the logs.")]
    action: Annotated[Action, Doc("What was done.")]
    object: Annotated[
        str,
        Doc("An id, or price:openai/gpt-4o, rate:eur/usd, token_cap:agent:*, tenant."),
    ]
    changes: Annotated[list[FieldChangeResponse], Doc("Every field that was changed.")]


def change_response(change: Change) -> ChangeResponse:
    """Build the response about an entry of the change log."""
    return {
        "id": change.change_id,
        "at": time_on_wire(change.at_ms),
        "key_id": change.by.key_id,
        "key_name": change.by.key_name,
        "role": change.by.role,
        "actor": change.by.actor,
        "reason": change.by.reason,
        "request_id": change.by.request_id,
        "action": change.action,
        "object": change.about,
        "changes": [
            {"field": field.field, "from": field.before, "to": field.after}
            for field in change.fields
        ],
    }


class BudgetChangedDetail(TypedDict):
    """An admin has created, changed, credited or deleted a budget."""

    budget_id: Annotated[str, Doc("The budget.")]
    subject: Annotated[
        str, Doc("The subject of the budget, or the one under a default that a credit is for.")
    ]
    change: Annotated[ChangeResponse, Doc("The entry of the change log.")]


def budget_fields(budget: Budget | None, *, opening_spent: Amount = 0) -> Shown | None:
    """Return what an admin can change about a budget, and what its new counter starts with."""
    if budget is None:
        return None
    return {
        **_without(budget_response(budget, version=0), _NOT_OF_A_BUDGET),
        "paused": budget.paused,
        "disabled": budget.disabled,
        "resumed_at": optional_time_on_wire(budget.resumed_at_ms),
        **({"opening_spent": amount_text(opening_spent)} if opening_spent else {}),
    }


def credit_fields(entry: LedgerEntry, *, expires_at: int | None) -> Shown:
    """Return what a credit adds, until when: the entry of the ledger says the rest."""
    return {
        "credit": amount_text(-entry.amount),
        "unit": entry.unit,
        "subject": str(entry.subject),
        "period_key": entry.period_key,
        "expires_at": boundary_on_wire(expires_at),
        "ledger_entry_id": entry.entry_id,
        "description": entry.description,
    }


def reversal_fields(reversal: UsageRecord) -> Shown:
    """Return what a reversal writes: its record has the amounts and the budgets."""
    return {
        "reversed_by": reversal.record_id,
        "amounts": amounts_on_wire(reversal.amounts),
        "reason": reversal.provenance.description,
    }


def decision_fields(decided: IncreaseRequest) -> Shown:
    """Return what was decided of an increase request, and for whom."""
    shown = increase_request_response(decided, now_ms=decided.created_at_ms)
    decision = shown["decision"]
    assert decision is not None
    return {
        "state": shown["state"],
        "subject": shown["subject"],
        "unit": shown["unit"],
        "asked_by": shown["key_id"],
        "asked_amount": shown["amount"],
        "amount": decision["amount"],
        "until": decision["until"],
        "note": decision["note"],
        "ledger_entry_id": decision["ledger_entry_id"],
    }


def token_cap_fields(subject: Subject, cap: TokenCap | None) -> Shown | None:
    """Return what an admin can change about a token cap."""
    return None if cap is None else token_cap_response(subject, cap)


def price_fields(price: Price | None) -> Shown | None:
    """Return what an admin can change about an own price, and when it was set."""
    return (
        None if price is None else _without(price_response(price, table_date=""), _NOT_OF_A_PRICE)
    )


def key_fields(key: ApiKey | None) -> Shown | None:
    """Return what the change log shows of an API key: never a secret."""
    return None if key is None else key_response(key)


def notification_fields(target: Notification | None) -> Shown | None:
    """Return what the change log shows of a target: neither its URL nor a secret."""
    if target is None:
        return None
    return _without(notification_response(target), _NOT_OF_A_NOTIFICATION)


def tenant_fields(tenant: Tenant | None) -> Shown | None:
    """Return the settings of a tenant."""
    return None if tenant is None else _without(tenant_response(tenant), _NOT_OF_A_TENANT)


def _without(shown: Mapping[str, object], names: set[str]) -> Shown:
    return {name: value for name, value in shown.items() if name not in names}
