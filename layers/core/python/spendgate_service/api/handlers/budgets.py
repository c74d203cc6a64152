"""Budgets: create, read, change, pause, disable, credit, delete."""

from collections.abc import Callable
from dataclasses import replace

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.budgets import (
    CreateBudgetBody,
    CreditBody,
    PatchBudgetBody,
    PutBudgetBody,
)
from spendgate_service.api.bodies.fields import EmptyBody, whole_seconds
from spendgate_service.api.http import Request, Response, created, ok, replayed
from spendgate_service.api.idempotency import idempotency_record_of
from spendgate_service.api.parameters import SLUG, SUBJECT
from spendgate_service.api.route import ADMIN, APPROVER_READER, IDEMPOTENCY, TAG, route, routes_in
from spendgate_service.api.tags import precondition_of, replayed_revision, tagged
from spendgate_service.budgets import change as budget_changes
from spendgate_service.budgets import create as budget_creation
from spendgate_service.budgets import put
from spendgate_service.budgets import read as budgets
from spendgate_service.budgets.change import ChangeEvent
from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.budgets.read import StoredBudget, stored_budget_response
from spendgate_service.domain.budgets import Budget, OpeningSpent
from spendgate_service.domain.changes import Action
from spendgate_service.store.idempotency import Replay
from spendgate_service.store.ids import new_id
from spendgate_service.wire.budgets import BudgetResponse
from spendgate_service.wire.credits import CreditResponse, credit_response
from spendgate_service.wire.pages import PageResponse, page_response


@route(
    "POST /v1/budgets",
    role=ADMIN,
    body=CreateBudgetBody,
    response=BudgetResponse,
    status=201,
    errors=(*IDEMPOTENCY, "budget_changed", "already_exists"),
    idempotent=True,
    headers=TAG,
)
def create_budget(request: Request[CreateBudgetBody]) -> Response:
    """Create a budget."""
    body, tenant_id, now_ms = request.read_body(), request.tenant_id, request.now_ms
    budget_id = new_id("bud_", now_ms=now_ms)
    wanted = body.to_budget(tenant_id=tenant_id, budget_id=budget_id, slug=body.slug, now_ms=now_ms)
    made = budget_creation.create_budget(
        request.app.table,
        tenant_id,
        wanted,
        idempotency=idempotency_record_of(request, "create_budget", body),
        opening_spent=body.opening_spent,
        by=author_of(request),
        now_ms=now_ms,
    )
    if isinstance(made, Replay):
        return replayed_revision(made.answer)
    return tagged(created(_response(made)), made.budget.tag)


@route(
    "PUT /v1/budgets/by-slug/{slug}",
    role=ADMIN,
    body=PutBudgetBody,
    response=BudgetResponse,
    status=201,
    errors=("budget_changed", "immutable_field"),
    repeatable=True,
    conditional=True,
    headers=TAG,
)
def put_budget(request: Request[PutBudgetBody]) -> Response:
    """Create the budget with this slug, or make it exactly the body.

    A field that is left out gets its default. Pauses, disabling, and what is spent stay as they
    are. The subject and the unit of a budget never change.
    """
    slug, body, now_ms = request.path_value(SLUG), request.read_body(), request.now_ms
    wanted = body.to_budget(
        tenant_id=request.tenant_id,
        budget_id=new_id("bud_", now_ms=now_ms),
        slug=slug,
        now_ms=now_ms,
    )
    stored, is_new = put.put_budget(
        request.app.table,
        request.tenant_id,
        wanted,
        precondition=precondition_of(request),
        opening_spent=body.opening_spent,
        by=author_of(request),
        now_ms=now_ms,
    )
    response = _response(stored)
    return tagged(created(response) if is_new else ok(response), stored.budget.tag)


@route(
    "GET /v1/budgets",
    role=APPROVER_READER,
    response=PageResponse[BudgetResponse],
    query=(SUBJECT,),
    paged=True,
)
def list_budgets(request: Request) -> Response:
    """List the budgets: all, or those of one subject."""
    wanted, subject = request.page(), request.subject()
    page = budgets.list_budgets(
        request.app.table, request.tenant_id, wanted, subject=subject, now_ms=request.now_ms
    )
    return ok(
        page_response([_response(budget) for budget in page.data], next_cursor=page.next_cursor)
    )


@route("GET /v1/budgets/{id}", role=APPROVER_READER, response=BudgetResponse, headers=TAG)
def read_budget(request: Request) -> Response:
    """Show one budget."""
    budget_id, tenant_id = request.path_id("budget"), request.tenant_id
    found = budgets.read_budget(request.app.table, tenant_id, budget_id, now_ms=request.now_ms)
    return tagged(ok(_response(found)), found.budget.tag)


@route(
    "PATCH /v1/budgets/{id}",
    role=ADMIN,
    body=PatchBudgetBody,
    response=BudgetResponse,
    errors=("budget_changed", "already_exists"),
    conditional=True,
    headers=TAG,
)
def patch_budget(request: Request[PatchBudgetBody]) -> Response:
    """Change the fields of a budget that the body names."""
    budget_id, body = request.path_id("budget"), request.read_body()
    event = ChangeEvent("budget.resumed", of_defaults=False)
    return _change(
        request,
        budget_id,
        "budget.changed",
        lambda budget: body.applied_to(budget, now_ms=request.now_ms),
        event,
        body.opening_spent,
    )


@route(
    "POST /v1/budgets/{id}/pause",
    role=ADMIN,
    body=EmptyBody,
    response=BudgetResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def pause_budget(request: Request) -> Response:
    """Refuse every request that the budget applies to, until it is resumed."""
    event = ChangeEvent("budget.paused")
    return _switch(request, "budget.paused", lambda budget: replace(budget, paused=True), event)


@route(
    "POST /v1/budgets/{id}/resume",
    role=ADMIN,
    body=EmptyBody,
    response=BudgetResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def resume_budget(request: Request) -> Response:
    """End a pause; a pause of the soft limit is lifted until the period ends."""
    event = ChangeEvent("budget.resumed")
    now_ms = request.now_ms
    return _switch(request, "budget.resumed", lambda budget: budget.resumed(now_ms=now_ms), event)


@route(
    "POST /v1/budgets/{id}/disable",
    role=ADMIN,
    body=EmptyBody,
    response=BudgetResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def disable_budget(request: Request) -> Response:
    """Neither enforce the budget nor count spend on it, until it is enabled."""
    return _switch(request, "budget.disabled", lambda budget: replace(budget, disabled=True))


@route(
    "POST /v1/budgets/{id}/enable",
    role=ADMIN,
    body=EmptyBody,
    response=BudgetResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def enable_budget(request: Request) -> Response:
    """Enforce the budget and count spend on it again."""
    return _switch(request, "budget.enabled", lambda budget: replace(budget, disabled=False))


@route(
    "DELETE /v1/budgets/{id}",
    role=ADMIN,
    response=BudgetResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def delete_budget(request: Request) -> Response:
    """Delete a budget; its ledger stays."""
    budget_id, tenant_id = request.path_id("budget"), request.tenant_id
    deleted = budget_changes.delete_budget(
        request.app.table,
        tenant_id,
        budget_id,
        precondition=precondition_of(request),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return tagged(ok(_response(deleted)), deleted.budget.tag)


@route(
    "POST /v1/budgets/{id}/credits",
    role=ADMIN,
    body=CreditBody,
    response=CreditResponse,
    status=201,
    errors=(*IDEMPOTENCY, "budget_changed"),
    idempotent=True,
    conditional=True,
)
def credit_budget(request: Request[CreditBody]) -> Response:
    """Top up, refund or correct a budget: a credit in the ledger of the current period."""
    budget_id, body = request.path_id("budget"), request.read_body()
    made = apply_credit(
        request.app.table,
        request.tenant_id,
        Credit(
            budget_id,
            body.to_subject(tenant_id=request.tenant_id),
            body.amount,
            body.to_provenance(),
            whole_seconds(body.expires_at),
        ),
        idempotency=idempotency_record_of(request, "credit_budget", body, target=budget_id),
        precondition=precondition_of(request),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return (
        replayed(made.answer)
        if isinstance(made, Replay)
        else created(credit_response(made.entry, made.balance))
    )


def _switch(
    request: Request,
    action: Action,
    change: Callable[[Budget], Budget],
    event: ChangeEvent | None = None,
) -> Response:
    """Make a change that needs no body; a budget that has it already stays as it is."""
    budget_id = request.path_id("budget")
    request.read_body()

    def switched(budget: Budget) -> Budget:
        return replace(change(budget), updated_at_ms=request.now_ms)

    return _change(request, budget_id, action, switched, event)


def _change(
    request: Request,
    budget_id: str,
    action: Action,
    change: Callable[[Budget], Budget],
    event: ChangeEvent | None = None,
    opening_spent: OpeningSpent | None = None,
) -> Response:
    changed = budget_changes.change_budget(
        request.app.table,
        request.tenant_id,
        budget_id,
        change,
        action=action,
        event=event,
        precondition=precondition_of(request),
        opening_spent=opening_spent,
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return tagged(ok(_response(changed)), changed.budget.tag)


def _response(stored: StoredBudget) -> BudgetResponse:
    return stored_budget_response(stored)


ROUTES = routes_in(vars())
