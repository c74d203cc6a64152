"""Budgets: creating, changing, pausing, topping up, deleting."""

from collections.abc import Callable
from dataclasses import replace

from spendgate import runtime
from spendgate.admin.once import once_of
from spendgate.api.admin_answers import budget_answer, credit_answer, page_answer
from spendgate.api.event_details import switch_detail
from spendgate.api.http import Call
from spendgate.api.models.budgets import CreateBudgetBody, CreditBody, PatchBudgetBody
from spendgate.api.models.fields import EmptyBody
from spendgate.api.wire import Answer, created, json_text, ok, replayed
from spendgate.domain.budgets import Budget
from spendgate.domain.counters import Balance
from spendgate.store import budget_changes, budgets
from spendgate.store.budget_changes import Telling
from spendgate.store.budgets import StoredBudget
from spendgate.store.credits import Credit, apply_credit
from spendgate.store.ids import new_id
from spendgate.store.once import Replay


def create_budget(call: Call) -> Answer:
    """Lay down a new budget."""
    body, tenant_id, now_ms = call.body(CreateBudgetBody), call.principal.tenant_id, call.now_ms
    budget_id = new_id("bud_", now_ms=now_ms)
    made = budget_changes.create_budget(
        runtime.table(),
        tenant_id,
        body.to_budget(tenant_id=tenant_id, budget_id=budget_id, now_ms=now_ms),
        once=once_of(call, "create_budget", body, _answer),
        now_ms=now_ms,
    )
    return replayed(made.answer) if isinstance(made, Replay) else created(_answer(made))


def list_budgets(call: Call) -> Answer:
    """List the budgets: all, or those of one subject."""
    wanted, subject = call.page("subject"), call.subject("limit", "cursor")
    page = budgets.list_budgets(
        runtime.table(), call.principal.tenant_id, wanted, subject=subject, now_ms=call.now_ms
    )
    return ok(page_answer([_answer(one) for one in page.data], next_cursor=page.next_cursor))


def read_budget(call: Call) -> Answer:
    """Show one budget."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    found = budgets.read_budget(runtime.table(), tenant_id, budget_id, now_ms=call.now_ms)
    return ok(_answer(found))


def patch_budget(call: Call) -> Answer:
    """Change what the body names, and leave the rest."""
    budget_id, body = call.path_id("budget"), call.body(PatchBudgetBody)
    telling = Telling("budget.resumed", _switch_text, of_defaults=False)
    return _changed(call, budget_id, lambda one: body.applied_to(one, now_ms=call.now_ms), telling)


def pause_budget(call: Call) -> Answer:
    """Refuse whatever a budget applies to, until it is resumed."""
    telling = Telling("budget.paused", _switch_text)
    return _switched(call, lambda one: replace(one, paused=True), telling)


def resume_budget(call: Call) -> Answer:
    """Go on after a pause; one of the soft limit is lifted until the period ends."""
    telling = Telling("budget.resumed", _switch_text)
    return _switched(call, lambda one: one.resumed(now_ms=call.now_ms), telling)


def disable_budget(call: Call) -> Answer:
    """Neither enforce a budget nor count on it, until it is enabled."""
    return _switched(call, lambda one: replace(one, disabled=True))


def enable_budget(call: Call) -> Answer:
    """Enforce a budget and count on it again."""
    return _switched(call, lambda one: replace(one, disabled=False))


def delete_budget(call: Call) -> Answer:
    """Take a budget away, and show it for the last time."""
    budget_id, tenant_id = call.path_id("budget"), call.principal.tenant_id
    deleted = budget_changes.delete_budget(
        runtime.table(), tenant_id, budget_id, now_ms=call.now_ms
    )
    return ok(_answer(deleted))


def credit_budget(call: Call) -> Answer:
    """Top a budget up, or refund: more may be spent in the period in force."""
    budget_id, body = call.path_id("budget"), call.body(CreditBody)
    made = apply_credit(
        runtime.table(),
        call.principal.tenant_id,
        Credit(budget_id, body.to_subject(), body.amount, body.to_provenance()),
        once=once_of(call, "credit_budget", body, credit_answer, target=budget_id),
        now_ms=call.now_ms,
    )
    return replayed(made.answer) if isinstance(made, Replay) else created(credit_answer(made))


def _switched(
    call: Call, change: Callable[[Budget], Budget], telling: Telling | None = None
) -> Answer:
    """A change that the path says all about; what is so already stays untouched."""
    budget_id = call.path_id("budget")
    call.optional_body(EmptyBody)

    def switched(budget: Budget) -> Budget:
        return replace(change(budget), updated_at_ms=call.now_ms)

    return _changed(call, budget_id, switched, telling)


def _changed(
    call: Call, budget_id: str, change: Callable[[Budget], Budget], telling: Telling | None = None
) -> Answer:
    changed = budget_changes.change_budget(
        runtime.table(),
        call.principal.tenant_id,
        budget_id,
        change,
        telling=telling,
        now_ms=call.now_ms,
    )
    return ok(_answer(changed))


def _switch_text(budget: Budget, balance: Balance | None) -> str:
    return json_text(switch_detail(budget, balance))


def _answer(stored: StoredBudget) -> dict[str, object]:
    return budget_answer(stored.budget, version=stored.version, balance=stored.balance)


HANDLERS = {
    "POST /v1/budgets": create_budget,
    "GET /v1/budgets": list_budgets,
    "GET /v1/budgets/{id}": read_budget,
    "PATCH /v1/budgets/{id}": patch_budget,
    "DELETE /v1/budgets/{id}": delete_budget,
    "POST /v1/budgets/{id}/pause": pause_budget,
    "POST /v1/budgets/{id}/resume": resume_budget,
    "POST /v1/budgets/{id}/disable": disable_budget,
    "POST /v1/budgets/{id}/enable": enable_budget,
    "POST /v1/budgets/{id}/credits": credit_budget,
}
