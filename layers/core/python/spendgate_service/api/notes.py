"""What a caller is warned of, apart from budgets: prices, and words that no budget ever had."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spendgate_service.api.errors import problem_of
from spendgate_service.domain.budgeted import (
    warning_about_currency,
    warnings_about,
    warnings_about_uncounted,
)
from spendgate_service.domain.budgets import budgets_on
from spendgate_service.domain.errors import BudgetRefusal
from spendgate_service.domain.model_usage import TOKENS
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.priced_amounts import Priceable, PricedAmounts

if TYPE_CHECKING:
    from spendgate_service.api.bodies.reserving import ReserveBody
    from spendgate_service.api.http import Request
    from spendgate_service.domain.requests import SpendRequest
    from spendgate_service.store.policy_cache import PolicyCache


def spenders_and_notes(
    body: Priceable,
    priced: PricedAmounts,
    subjects: tuple[Subject, ...],
    tenant: Tenant,
) -> tuple[tuple[Subject, ...], tuple[str, ...]]:
    """Return who spends under the tenant's settings, and the warnings about the request.

    Only a unit that the caller names can be misspelt: the tokens and the price of a usage need no
    budget of their own.
    """
    spenders = tenant.spenders(subjects)
    return spenders, (*priced.notes, *warnings_about(tenant, spenders, body.named_amounts()))


def notes_on_uncounted(body: Priceable, units: tuple[str, ...]) -> tuple[str, ...]:
    """Return the warnings about units of a settlement that no budget counts.

    The tokens of a usage need no budget of their own.
    """
    named = body.named_amounts()
    return warnings_about_uncounted(unit for unit in units if unit != TOKENS or unit in named)


def notes_on_currency(
    policy_cache: "PolicyCache",
    tenant_id: str,
    spenders: tuple[Subject, ...],
    priced: PricedAmounts,
) -> tuple[str, ...]:
    """Return the warning about a price that the budgets on the subjects do not count."""
    if priced.price is None:
        return ()
    rules = policy_cache.rules(tenant_id, spenders)
    units = {budget.unit for _, budget, _ in budgets_on(spenders, rules.policies)}
    return warning_about_currency(priced.price.currency, priced.amounts, units, rules.tenant)


def note_refusal(request: "Request[Any]", refusal: BudgetRefusal) -> None:
    """Count a refusal in the log of refusals."""
    request.app.refusal_log.note(
        request.tenant_id,
        refusal.violations,
        code=problem_of(refusal).code,
        request_id=request.request_id,
        now_ms=request.now_ms,
    )


def wish_and_notes(
    request: "Request[ReserveBody]",
    body: "ReserveBody",
    priced: PricedAmounts,
    key: str | None = None,
) -> "tuple[SpendRequest, tuple[str, ...]]":
    """Return what a check or a reservation asks for, and the warnings about it."""
    wish = body.to_request(request.principal, priced=priced, idempotency_key=key)
    tenant = request.app.policy_cache.rules(request.tenant_id, wish.subjects).tenant
    spenders, notes = spenders_and_notes(body, priced, wish.subjects, tenant)
    more = notes_on_currency(request.app.policy_cache, request.tenant_id, spenders, priced)
    return replace(wish, subjects=spenders), (*notes, *more)
