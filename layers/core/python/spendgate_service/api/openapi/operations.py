"""What the OpenAPI document says about each route, beyond the table of routes."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from spendgate_service.api.bodies import administration, budgets, reserving, settling
from spendgate_service.api.bodies.fields import EmptyBody
from spendgate_service.wire.audit import AuditResponse
from spendgate_service.wire.balances import BalanceResponse
from spendgate_service.wire.budgets import BudgetResponse
from spendgate_service.wire.check import CheckResponse
from spendgate_service.wire.credits import CreditResponse
from spendgate_service.wire.keys import KeyResponse
from spendgate_service.wire.ledger import LedgerEntryResponse
from spendgate_service.wire.pages import PageResponse
from spendgate_service.wire.prices import PriceResponse
from spendgate_service.wire.rates import RateResponse
from spendgate_service.wire.reservations import ReservationGranted, ReservationResponse
from spendgate_service.wire.spend import RecordedSpendResponse, SpendResponse
from spendgate_service.wire.statements import StatementResponse
from spendgate_service.wire.tenants import TenantResponse
from spendgate_service.wire.token_caps import TokenCapResponse


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says about a route beyond the table of routes.

    `codes` are its own errors; those that any such route may answer are added. `query` names its
    parameters; a list has `limit` and `cursor` besides. `response` is the type of the response, and
    `headers` are its own; one that is not JSON has `media_types`. With `is_replayed`, a repeated
    request is recognized without a key and gets the same response.
    """

    summary: str
    response: object
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
        CheckResponse,
        reserving.ReserveBody,
    ),
    "GET /v1/spend": Operation(
        "What was spent by subjects, each a parameter: agent=researcher&session=s-42.",
        SpendResponse,
        checks_path=True,
    ),
    "GET /v1/reservations/{id}": Operation("One reservation.", ReservationResponse),
    "POST /v1/reservations": Operation(
        "Hold an estimate on every budget that applies, all or none.",
        ReservationGranted,
        reserving.ReserveBody,
        status=201,
        codes=(*_REFUSED, *_CAPPED, *_KEYED, *_PRICED),
        is_idempotent=True,
    ),
    "POST /v1/reservations/{id}/settle": Operation(
        "Replace a hold by the actual cost.",
        ReservationResponse,
        settling.SettleBody,
        codes=(*_FINAL, *_PRICED),
        is_replayed=True,
    ),
    "POST /v1/reservations/{id}/release": Operation(
        "Give a hold back.",
        ReservationResponse,
        optional_body=EmptyBody,
        codes=_FINAL,
        is_replayed=True,
    ),
    "POST /v1/reservations/{id}/extend": Operation(
        "Move the expiry of a hold.", ReservationResponse, settling.ExtendBody, codes=_FINAL
    ),
    "POST /v1/spend": Operation(
        "Record spend that was never reserved; never refused for lack of budget.",
        RecordedSpendResponse,
        settling.RecordBody,
        status=201,
        codes=(*_KEYED, *_PRICED),
        is_idempotent=True,
    ),
    "POST /v1/budgets": Operation(
        "Create a budget.",
        BudgetResponse,
        budgets.CreateBudgetBody,
        status=201,
        codes=(*_KEYED, "budget_changed"),
        is_idempotent=True,
    ),
    "GET /v1/budgets": Operation(
        "All budgets.", PageResponse[BudgetResponse], query=("subject",), is_list=True
    ),
    "GET /v1/budgets/{id}": Operation("One budget.", BudgetResponse),
    "PATCH /v1/budgets/{id}": Operation(
        "Change a budget.",
        BudgetResponse,
        budgets.PatchBudgetBody,
        codes=("budget_changed",),
    ),
    "DELETE /v1/budgets/{id}": Operation(
        "Delete a budget; its ledger stays.", BudgetResponse, codes=("budget_changed",)
    ),
    "GET /v1/budgets/{id}/ledger": Operation(
        "The ledger of a budget, newest first.",
        PageResponse[LedgerEntryResponse],
        query=("subject",),
        is_list=True,
    ),
    "GET /v1/budgets/{id}/balance": Operation(
        "The balance of a budget; of a default, for one subject.",
        BalanceResponse,
        query=("subject",),
    ),
    "GET /v1/budgets/{id}/statements": Operation(
        "What the closed periods of a budget came to, newest first.",
        PageResponse[StatementResponse],
        query=("subject",),
        is_list=True,
    ),
    "GET /v1/budgets/{id}/audit": Operation(
        "Does every counter equal its ledger? The differences, if any.",
        AuditResponse,
        query=("subject",),
        is_list=True,
    ),
    "POST /v1/budgets/{id}/credits": Operation(
        "Top a budget up, or refund: a negative ledger entry in the period in force.",
        CreditResponse,
        budgets.CreditBody,
        status=201,
        codes=(*_KEYED, "budget_changed"),
        is_idempotent=True,
    ),
    "POST /v1/budgets/{id}/pause": Operation(
        "Refuse whatever the budget applies to, until it is resumed.",
        BudgetResponse,
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "POST /v1/budgets/{id}/resume": Operation(
        "Go on after a pause; one of the soft limit is lifted until the period ends.",
        BudgetResponse,
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "POST /v1/budgets/{id}/disable": Operation(
        "Neither enforce the budget nor count on it, until it is enabled.",
        BudgetResponse,
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "POST /v1/budgets/{id}/enable": Operation(
        "Enforce the budget and count on it again.",
        BudgetResponse,
        optional_body=EmptyBody,
        codes=("budget_changed",),
    ),
    "GET /v1/export/ledger": Operation(
        "The tenant's ledger from one moment to another, by budget and then by time. "
        "It goes on at X-Next-Cursor; a part may have no entries and still go on.",
        str,
        query=("from", "to", "format", "cursor"),
        media_types=("text/csv", "application/jsonl"),
        headers=("X-Next-Cursor", "Link"),
    ),
    "GET /v1/token-caps/{type}/{id+}": Operation(
        "The token cap of a subject, or with * that of its type.",
        TokenCapResponse,
        checks_path=True,
    ),
    "PUT /v1/token-caps/{type}/{id+}": Operation(
        "Cap the tokens of one request of a subject, or with * of its type.",
        TokenCapResponse,
        administration.TokenCapBody,
        codes=("budget_changed",),
        checks_path=True,
    ),
    "DELETE /v1/token-caps/{type}/{id+}": Operation(
        "Take a token cap away.",
        TokenCapResponse,
        codes=("budget_changed",),
        checks_path=True,
    ),
    "GET /v1/prices/{provider}/{model+}": Operation(
        "What a model costs per million tokens: the tenant's own price, or the built-in one.",
        PriceResponse,
        checks_path=True,
    ),
    "PUT /v1/prices/{provider}/{model+}": Operation(
        "Set a price over the built-in one.",
        PriceResponse,
        administration.PriceBody,
        checks_path=True,
    ),
    "DELETE /v1/prices/{provider}/{model+}": Operation(
        "Go back to the built-in price.",
        PriceResponse,
        checks_path=True,
    ),
    "GET /v1/rates/{from}/{to}": Operation("A conversion rate.", RateResponse, checks_path=True),
    "PUT /v1/rates/{from}/{to}": Operation(
        "Set how much of one unit one of another is worth, as of now.",
        RateResponse,
        administration.RateBody,
        checks_path=True,
    ),
    "DELETE /v1/rates/{from}/{to}": Operation(
        "Take a conversion rate away.", RateResponse, checks_path=True
    ),
    "POST /v1/keys": Operation(
        "Create an API key; its secret is shown once.",
        KeyResponse,
        administration.CreateKeyBody,
        status=201,
        codes=_KEYED,
        is_idempotent=True,
    ),
    "GET /v1/keys": Operation("All API keys.", PageResponse[KeyResponse], is_list=True),
    "DELETE /v1/keys/{id}": Operation("Revoke an API key.", KeyResponse),
    "GET /v1/tenant": Operation("The settings of the tenant.", TenantResponse),
    "PATCH /v1/tenant": Operation(
        "Change the settings of the tenant.", TenantResponse, administration.PatchTenantBody
    ),
    "POST /v1/tenants": Operation(
        "Create a tenant.",
        TenantResponse,
        administration.CreateTenantBody,
        status=201,
        codes=(*_KEYED, "already_exists"),
        is_idempotent=True,
    ),
    "GET /v1/tenants": Operation("All tenants.", PageResponse[TenantResponse], is_list=True),
    "GET /v1/health": Operation("Whether the service is up.", Mapping[str, object]),
    "GET /v1/openapi.json": Operation("This document.", Mapping[str, object]),
}
