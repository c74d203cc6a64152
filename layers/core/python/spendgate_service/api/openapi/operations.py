"""What the OpenAPI document says about each route, beyond the table of routes."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from spendgate_service.api.bodies import administration, budgets, reserving, settling
from spendgate_service.api.bodies.fields import EmptyBody
from spendgate_service.api.openapi.schemas import FREE, TEXT, Schema, page_of, ref


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says about a route beyond the table of routes.

    `codes` are its own errors; those that any such route may answer are added. `query` names its
    parameters; a list has `limit` and `cursor` besides. `headers` are its answer's own; an answer
    that is no JSON has `media_types` and no schema. What `is_replayed` needs no key to be told from
    its first time, and answers alike.
    """

    summary: str
    answer: Schema
    body: type[BaseModel] | None = None
    optional_body: type[BaseModel] | None = None
    status: int = 200
    codes: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    is_list: bool = False
    is_idempotent: bool = False
    is_replayed: bool = False
    checks_path: bool = False
    media_types: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()


_PRICED = ("unknown_price", "unknown_rate")
_CAPPED = ("token_cap_exceeded",)
_REFUSED = ("rate_limit_exceeded", "insufficient_quota", "budget_paused", "no_budget")
_FINAL = ("reservation_finalized",)
_KEYED = ("idempotency_conflict",)

OPERATIONS: Mapping[str, Operation] = {
    "POST /v1/check": Operation(
        "Ask whether a request could be granted now; nothing is held.",
        ref("Check"),
        reserving.ReserveBody,
    ),
    "GET /v1/spend": Operation(
        "What was spent by subjects, each a parameter: agent=researcher&session=s-42.",
        ref("Spend"),
        checks_path=True,
    ),
    "GET /v1/reservations/{id}": Operation("One reservation.", ref("Reservation")),
    "POST /v1/reservations": Operation(
        "Hold an estimate on every budget that applies, all or none.",
        ref("ReservationGranted"),
        reserving.ReserveBody,
        status=201,
        codes=(*_REFUSED, *_CAPPED, *_KEYED, *_PRICED),
        is_idempotent=True,
    ),
    "POST /v1/reservations/{id}/settle": Operation(
        "Replace a hold by the actual cost.",
        ref("Reservation"),
        settling.SettleBody,
        codes=(*_FINAL, *_PRICED),
        is_replayed=True,
    ),
    "POST /v1/reservations/{id}/release": Operation(
        "Give a hold back.",
        ref("Reservation"),
        optional_body=EmptyBody,
        codes=_FINAL,
        is_replayed=True,
    ),
    "POST /v1/reservations/{id}/extend": Operation(
        "Move the expiry of a hold.", ref("Reservation"), settling.ExtendBody, codes=_FINAL
    ),
    "POST /v1/spend": Operation(
        "Record spend that was never reserved; never refused for lack of budget.",
        ref("RecordedSpend"),
        settling.RecordBody,
        status=201,
        codes=(*_KEYED, *_PRICED),
        is_idempotent=True,
    ),
    "POST /v1/budgets": Operation(
        "Create a budget.",
        ref("Budget"),
        budgets.CreateBudgetBody,
        status=201,
        codes=(*_KEYED, "budget_changed"),
        is_idempotent=True,
    ),
    "GET /v1/budgets": Operation(
        "All budgets.", page_of(ref("Budget")), query=("subject",), is_list=True
    ),
    "GET /v1/budgets/{id}": Operation("One budget.", ref("Budget")),
    "PATCH /v1/budgets/{id}": Operation(
        "Change a budget.",
        ref("Budget"),
        budgets.PatchBudgetBody,
        codes=("budget_changed",),
    ),
    "DELETE /v1/budgets/{id}": Operation(
        "Delete a budget; its ledger stays.", ref("Budget"), codes=("budget_changed",)
    ),
    "GET /v1/budgets/{id}/ledger": Operation(
        "The ledger of a budget, newest first.",
        page_of(ref("LedgerEntry")),
        query=("subject",),
        is_list=True,
    ),
    "GET /v1/budgets/{id}/balance": Operation(
        "The balance of a budget; of a default, for one subject.",
        ref("Balance"),
        query=("subject",),
    ),
    "GET /v1/budgets/{id}/statements": Operation(
        "What the closed periods of a budget came to, newest first.",
        page_of(ref("Statement")),
        query=("subject",),
        is_list=True,
    ),
    "GET /v1/budgets/{id}/audit": Operation(
        "Does every counter equal its ledger? The differences, if any.",
        ref("Audit"),
        query=("subject",),
        is_list=True,
    ),
    "POST /v1/budgets/{id}/credits": Operation(
        "Top a budget up, or refund: a negative ledger entry in the period in force.",
        ref("Credit"),
        budgets.CreditBody,
        status=201,
        codes=(*_KEYED, "budget_changed"),
        is_idempotent=True,
    ),
    "POST /v1/budgets/{id}/pause": Operation(
        "Refuse whatever the budget applies to, until it is resumed.",
        ref("Budget"),
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "POST /v1/budgets/{id}/resume": Operation(
        "Go on after a pause; one of the soft limit is lifted until the period ends.",
        ref("Budget"),
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "POST /v1/budgets/{id}/disable": Operation(
        "Neither enforce the budget nor count on it, until it is enabled.",
        ref("Budget"),
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "POST /v1/budgets/{id}/enable": Operation(
        "Enforce the budget and count on it again.",
        ref("Budget"),
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "GET /v1/export/ledger": Operation(
        "The tenant's ledger from one moment to another, by budget and then by time. "
        "It goes on at X-Next-Cursor; a part may have no entries and still go on.",
        TEXT,
        query=("from", "to", "format", "cursor"),
        media_types=("text/csv", "application/jsonl"),
        headers=("X-Next-Cursor", "Link"),
    ),
    "GET /v1/token-caps/{type}/{id+}": Operation(
        "The token cap of a subject, or with * that of its type.",
        ref("TokenCap"),
        checks_path=True,
    ),
    "PUT /v1/token-caps/{type}/{id+}": Operation(
        "Cap the tokens of one request of a subject, or with * of its type.",
        ref("TokenCap"),
        administration.TokenCapBody,
        codes=("budget_changed",),
        checks_path=True,
    ),
    "DELETE /v1/token-caps/{type}/{id+}": Operation(
        "Take a token cap away.",
        ref("TokenCap"),
        codes=("budget_changed",),
        checks_path=True,
    ),
    "GET /v1/prices/{provider}/{model+}": Operation(
        "What a model costs per million tokens: the tenant's own price, or the built-in one.",
        ref("Price"),
        checks_path=True,
    ),
    "PUT /v1/prices/{provider}/{model+}": Operation(
        "Set a price over the built-in one.",
        ref("Price"),
        administration.PriceBody,
        checks_path=True,
    ),
    "DELETE /v1/prices/{provider}/{model+}": Operation(
        "Go back to the built-in price.",
        ref("Price"),
        checks_path=True,
    ),
    "GET /v1/rates/{from}/{to}": Operation("A conversion rate.", ref("Rate"), checks_path=True),
    "PUT /v1/rates/{from}/{to}": Operation(
        "Set how much of one unit one of another is worth, as of now.",
        ref("Rate"),
        administration.RateBody,
        checks_path=True,
    ),
    "DELETE /v1/rates/{from}/{to}": Operation(
        "Take a conversion rate away.", ref("Rate"), checks_path=True
    ),
    "POST /v1/keys": Operation(
        "Create an API key; its secret is shown once.",
        ref("Key"),
        administration.CreateKeyBody,
        status=201,
        codes=_KEYED,
        is_idempotent=True,
    ),
    "GET /v1/keys": Operation("All API keys.", page_of(ref("Key")), is_list=True),
    "DELETE /v1/keys/{id}": Operation("Revoke an API key.", ref("Key")),
    "GET /v1/tenant": Operation("The settings of the tenant.", ref("Tenant")),
    "PATCH /v1/tenant": Operation(
        "Change the settings of the tenant.", ref("Tenant"), administration.PatchTenantBody
    ),
    "POST /v1/tenants": Operation(
        "Create a tenant.",
        ref("Tenant"),
        administration.CreateTenantBody,
        status=201,
        codes=(*_KEYED, "already_exists"),
        is_idempotent=True,
    ),
    "GET /v1/tenants": Operation("All tenants.", page_of(ref("Tenant")), is_list=True),
    "GET /v1/health": Operation("Whether the service is up.", FREE),
    "GET /v1/openapi.json": Operation("This document.", FREE),
}
