"""Budgets, keys and tenants; and every request that no other route takes."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from spendgate import runtime
from spendgate.api import openapi
from spendgate.api.admin_answers import budget_answer, key_answer, page_answer, tenant_answer
from spendgate.api.answers import balance_answer, ledger_entry_answer
from spendgate.api.audit_answer import audit_answer
from spendgate.api.fingerprint import fingerprint
from spendgate.api.http import Call, handle
from spendgate.api.models.administration import (
    CreateBudgetBody,
    CreateKeyBody,
    CreateTenantBody,
    PatchBudgetBody,
    PatchTenantBody,
)
from spendgate.api.wire import Answer, created, json_text, ok, replayed
from spendgate.domain.tenants import ApiKey, Tenant
from spendgate.observability import logger, measured
from spendgate.store import api_keys, audit, budget_changes, budgets, ledger, tenants
from spendgate.store.budgets import StoredBudget
from spendgate.store.ids import new_id
from spendgate.store.once import Once, Replay


def create_budget(call: Call) -> Answer:
    """Lay down a new budget."""
    body, tenant_id, now_ms = call.body(CreateBudgetBody), call.principal.tenant_id, call.now_ms
    budget_id = new_id("bud_", now_ms=now_ms)
    made = budget_changes.create_budget(
        runtime.table(),
        tenant_id,
        body.to_budget(tenant_id=tenant_id, budget_id=budget_id, now_ms=now_ms),
        once=_once(call, "create_budget", body, _budget),
        now_ms=now_ms,
    )
    return replayed(made.answer) if isinstance(made, Replay) else created(_budget(made))


def list_budgets(call: Call) -> Answer:
    """List the budgets: all, or those of one subject."""
    wanted, subject = call.page("subject"), call.subject("limit", "cursor")
    page = budgets.list_budgets(
        runtime.table(), call.principal.tenant_id, wanted, subject=subject, now_ms=call.now_ms
    )
    return ok(page_answer([_budget(one) for one in page.data], next_cursor=page.next_cursor))


def read_budget(call: Call) -> Answer:
    """Show one budget."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    found = budgets.read_budget(runtime.table(), tenant_id, budget_id, now_ms=call.now_ms)
    return ok(_budget(found))


def change_budget(call: Call) -> Answer:
    """Change what the body names, and leave the rest."""
    budget_id, body = call.path_id("budget"), call.body(PatchBudgetBody)
    changed = budget_changes.change_budget(
        runtime.table(),
        call.principal.tenant_id,
        budget_id,
        lambda budget: body.applied_to(budget, now_ms=call.now_ms),
        now_ms=call.now_ms,
    )
    return ok(_budget(changed))


def delete_budget(call: Call) -> Answer:
    """Take a budget away, and show it for the last time."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    deleted = budget_changes.delete_budget(
        runtime.table(), tenant_id, budget_id, now_ms=call.now_ms
    )
    return ok(_budget(deleted))


def read_balance(call: Call) -> Answer:
    """Show the balance in the period in force: of a default, the one that the subject has."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    balance = budgets.read_balance(
        runtime.table(), tenant_id, budget_id, call.subject(), now_ms=call.now_ms
    )
    return ok(balance_answer(balance))


def read_ledger(call: Call) -> Answer:
    """List the ledger, newest first: of a default, that of the subject."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    wanted, asked = call.page("subject"), call.subject("limit", "cursor")
    _, budget = budgets.find_budget(runtime.table(), tenant_id, budget_id)
    subject = budget.counted_subject(asked)
    page = ledger.ledger_page(runtime.table(), tenant_id, budget_id, subject, wanted)
    return ok(
        page_answer([ledger_entry_answer(one) for one in page.data], next_cursor=page.next_cursor)
    )


def audit_budget(call: Call) -> Answer:
    """Compare counters with ledgers: of a default, those of the subject or page by page of all."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    wanted, asked = call.page("subject"), call.subject("limit", "cursor")
    _, budget = budgets.find_budget(runtime.table(), tenant_id, budget_id)
    if asked is None:
        found = audit.audit_budget(runtime.table(), tenant_id, budget, wanted, now_ms=call.now_ms)
    else:
        subject = budget.counted_subject(asked)
        found = audit.audit_subject(
            runtime.table(), tenant_id, budget_id, subject, now_ms=call.now_ms
        )
    return ok(audit_answer(budget_id, found))


def create_key(call: Call) -> Answer:
    """Make an API key and show its secret, this once."""
    body = call.body(CreateKeyBody)
    issued = api_keys.new_key(
        call.principal.tenant_id, body.role, name=body.name, now_ms=call.now_ms
    )
    once = _once(call, "create_key", body, _key_again)
    made = api_keys.create_key(runtime.table(), issued, once=once)
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created(key_answer(made.key, secret=made.bearer))


def list_keys(call: Call) -> Answer:
    """List the API keys, without their secrets."""
    page = api_keys.list_keys(runtime.table(), call.principal.tenant_id, call.page())
    return ok(page_answer([key_answer(one) for one in page.data], next_cursor=page.next_cursor))


def revoke_key(call: Call) -> Answer:
    """Make an API key invalid, and show it for the last time."""
    key_id = call.path_id("key")
    return ok(key_answer(api_keys.revoke_key(runtime.table(), call.principal.tenant_id, key_id)))


def read_tenant(call: Call) -> Answer:
    """Show the settings of the caller's tenant."""
    return ok(tenant_answer(tenants.read_tenant_of(runtime.table(), call.principal.tenant_id)))


def change_tenant(call: Call) -> Answer:
    """Change those settings of the caller's tenant that the body names."""
    body = call.body(PatchTenantBody)
    changed = tenants.change_tenant(
        runtime.table(),
        call.principal.tenant_id,
        lambda tenant: body.applied_to(tenant, now_ms=call.now_ms),
        now_ms=call.now_ms,
    )
    return ok(tenant_answer(changed))


def create_tenant(call: Call) -> Answer:
    """Create a tenant and show the secret of its first admin key, this once."""
    body = call.body(CreateTenantBody)
    tenant = body.to_tenant(now_ms=call.now_ms)
    once = _once(call, "create_tenant", body, _tenant_again)
    made = tenants.create_tenant(runtime.table(), tenant, once=once)
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created({**tenant_answer(made.tenant), "admin_key": made.admin_key.bearer})


def list_tenants(call: Call) -> Answer:
    """List all tenants, for the operator."""
    page = tenants.list_tenants(runtime.table(), call.page())
    return ok(page_answer([tenant_answer(one) for one in page.data], next_cursor=page.next_cursor))


def health(_call: Call) -> Answer:
    """Say that functions run; whether the table answers is told by its own alarms."""
    return ok({"status": "ok"})


def describe(_call: Call) -> Answer:
    """Describe the interface."""
    return ok(openapi.document())


def _key_again(key: ApiKey) -> dict[str, object]:
    return {**key_answer(key), "secret": None}


def _tenant_again(tenant: Tenant) -> dict[str, object]:
    return {**tenant_answer(tenant), "admin_key": None}


def _budget(stored: StoredBudget) -> dict[str, object]:
    return budget_answer(stored.budget, version=stored.version, balance=stored.balance)


def _once[T](
    call: Call, operation: str, body: BaseModel, answer: Callable[[T], dict[str, object]]
) -> Once[T] | None:
    """What makes a creation happen once, if the caller sent an idempotency key."""
    if call.idempotency_key is None:
        return None
    return Once(
        call.principal.tenant_id,
        operation,
        call.idempotency_key,
        fingerprint(operation, body),
        answer=lambda made: json_text(answer(made)),
    )


HANDLERS = {
    "POST /v1/budgets": create_budget,
    "GET /v1/budgets": list_budgets,
    "GET /v1/budgets/{id}": read_budget,
    "PATCH /v1/budgets/{id}": change_budget,
    "DELETE /v1/budgets/{id}": delete_budget,
    "GET /v1/budgets/{id}/balance": read_balance,
    "GET /v1/budgets/{id}/ledger": read_ledger,
    "GET /v1/budgets/{id}/audit": audit_budget,
    "POST /v1/keys": create_key,
    "GET /v1/keys": list_keys,
    "DELETE /v1/keys/{id}": revoke_key,
    "GET /v1/tenant": read_tenant,
    "PATCH /v1/tenant": change_tenant,
    "POST /v1/tenants": create_tenant,
    "GET /v1/tenants": list_tenants,
    "GET /v1/health": health,
    "GET /v1/openapi.json": describe,
}


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return handle(event, HANDLERS)
