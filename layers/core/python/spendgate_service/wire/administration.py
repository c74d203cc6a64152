"""The answers about budgets, tenants and what is set for them. Plain dictionaries."""

from collections.abc import Sequence

from spendgate_service.budgets.credit import Credited
from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.budgets import Budget, CarryOver, TokenCap
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.statements import StoredStatement
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import ApiKey, Price, Tenant
from spendgate_service.wire.spending import balance_answer, ledger_entry_answer, period_rule_answer
from spendgate_service.wire.values import time_on_wire


def budget_answer(
    budget: Budget, *, version: int, balance: Balance | None = None
) -> dict[str, object]:
    """A budget; with its balance where it is on a single subject.

    A default is `active`, `paused` or `disabled` as a whole; the rest is said by the balance of
    each subject under it.
    """
    answer: dict[str, object] = {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "unit": budget.unit,
        "limit": amount_text(budget.limit),
        "soft_limit": _optional_amount(budget.soft_limit),
        "on_soft_limit": budget.on_soft_limit,
        "warn_at_pct": list(budget.warn_at_pct),
        "period": period_rule_answer(budget.period),
        "carry_over": _carry_over_answer(budget.carry_over),
        "mode": budget.mode,
        "name": budget.name,
        "metadata": dict(budget.metadata),
        "status": _status_of_default(budget) if balance is None else balance.status,
        "version": version,
        "created_at": time_on_wire(budget.created_at_ms),
        "updated_at": time_on_wire(budget.updated_at_ms),
    }
    return answer if balance is None else {**answer, "balance": balance_answer(balance)}


def _status_of_default(budget: Budget) -> str:
    if budget.disabled:
        return "disabled"
    return "paused" if budget.paused else "active"


def _carry_over_answer(carry_over: CarryOver | None) -> dict[str, object] | None:
    if carry_over is None:
        return None
    return {
        "unused": carry_over.unused,
        "max": _optional_amount(carry_over.max),
        "debt": carry_over.debt,
    }


def _optional_amount(amount: Amount | None) -> str | None:
    return None if amount is None else amount_text(amount)


def credit_answer(credited: Credited) -> dict[str, object]:
    """The ledger entry of a credit, with the balance that it leads to."""
    return {**ledger_entry_answer(credited.entry), "balance": balance_answer(credited.balance)}


def statement_answer(stored: StoredStatement) -> dict[str, object]:
    """What a closed period came to; `unused` is negative after an overrun."""
    statement = stored.statement
    period = statement.period
    assert period.starts_at is not None and period.ends_at is not None
    return {
        "id": stored.statement_id,
        "budget_id": stored.budget_id,
        "subject": str(stored.subject),
        "unit": stored.unit,
        "period_key": period.key,
        "starts_at": time_on_wire(period.starts_at * 1000),
        "ends_at": time_on_wire(period.ends_at * 1000),
        "limit": amount_text(statement.limit),
        "credits": amount_text(statement.credits),
        "carried_in": amount_text(statement.carried_in),
        "spent": amount_text(statement.spent),
        "held": amount_text(statement.held),
        "unused": amount_text(statement.unused),
        "overrun": amount_text(statement.overrun),
        "carried_out": amount_text(statement.carried_out),
        "closed_at": time_on_wire(statement.closed_at_ms),
        "revision": statement.revision,
        "corrects": stored.corrects,
        "is_current": stored.is_current,
        "is_final": statement.is_final,
    }


def token_cap_answer(subject: Subject, cap: TokenCap) -> dict[str, object]:
    """How many tokens one request of a subject may have; null where there is no cap."""
    return {
        "subject": str(subject),
        "max_prompt_tokens": cap.max_prompt_tokens,
        "max_completion_tokens": cap.max_completion_tokens,
        "max_total_tokens": cap.max_total_tokens,
    }


def price_answer(price: Price, *, is_override: bool) -> dict[str, object]:
    """What a model costs per million tokens, and whether the tenant has set that itself."""
    return {
        "provider": price.provider,
        "model": price.model,
        "currency": price.currency,
        "input_per_million": amount_text(price.input_per_million),
        "output_per_million": amount_text(price.output_per_million),
        "cached_input_per_million": _optional_amount(price.cached_input_per_million),
        "source": "override" if is_override else "builtin",
        "updated_at": time_on_wire(price.updated_at_ms) if is_override else None,
    }


def rate_answer(rate: Rate) -> dict[str, object]:
    """How much of `to` one of `from` is worth."""
    return {
        "from": rate.source,
        "to": rate.target,
        "rate": amount_text(rate.rate),
        "max_age_seconds": rate.max_age_seconds,
        "updated_at": time_on_wire(rate.updated_at_ms),
    }


def key_answer(key: ApiKey, *, secret: str | None = None) -> dict[str, object]:
    """An API key; its secret is shown once, in the answer that creates it."""
    answer: dict[str, object] = {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "role": key.role,
        "name": key.name,
        "created_at": time_on_wire(key.created_at_ms),
    }
    return answer if secret is None else {**answer, "secret": secret}


def tenant_answer(tenant: Tenant) -> dict[str, object]:
    """A tenant and its settings."""
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        "require_budget": tenant.require_budget,
        "unpriced_model": tenant.unpriced_model,
        "created_at": time_on_wire(tenant.created_at_ms),
        "updated_at": time_on_wire(tenant.updated_at_ms),
    }


def page_answer(data: Sequence[dict[str, object]], *, next_cursor: str | None) -> dict[str, object]:
    """One page of a list."""
    return {"data": list(data), "next_cursor": next_cursor}
