"""Which of the tenant's fallback models fit now in place of the one that was asked for."""

from collections.abc import Sequence
from dataclasses import replace

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import claims_on
from spendgate_service.domain.caps import check_token_caps, tokens_of
from spendgate_service.domain.decisions import refuses, verdict_on
from spendgate_service.domain.errors import InvalidValue, TokenCapExceeded, UnknownRate
from spendgate_service.domain.fitting import Alternative, UsageEstimate, room_of
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.subjects import MODEL, Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.alternatives import estimates_of_fallbacks
from spendgate_service.pricing.names import subject_name
from spendgate_service.reservations.check import Balances
from spendgate_service.store.policy_cache import Rules


def alternatives_to(
    balances: Balances, request: SpendRequest, tenant: Tenant, *, names_model: bool, now_ms: int
) -> list[Alternative]:
    """List the fallback models of which something fits, each with the most that fits.

    A request that `names_model` as a subject keeps it; otherwise each model is the subject `model`
    of its own usage. One read unit for each budget on the subjects, and no read without fallback
    models that have a price. Raises Unavailable.
    """
    if request.estimate is None:
        return []
    estimates = estimates_of_fallbacks(tenant, request.estimate, now_ms=now_ms)
    requests = [_request_of(request, estimate, names_model) for estimate in estimates]
    subjects = {subject for asked in requests for subject in asked.subjects}
    if not subjects:
        return []
    rules, read = balances.under_rules(request.tenant_id, list(subjects))
    found = (_fitting(asked, rules, read, now_ms) for asked in requests)
    return [alternative for alternative in found if alternative is not None]


def _request_of(request: SpendRequest, estimate: UsageEstimate, names_model: bool) -> SpendRequest:
    subjects = request.subjects
    if not names_model:
        name = subject_name(estimate.usage.provider, estimate.usage.model)
        others = (subject for subject in subjects if subject.type != MODEL)
        subjects = (*others, Subject(MODEL, name))
    return replace(request, estimate=estimate, subjects=subjects, amounts=estimate.amounts())


def _fitting(
    request: SpendRequest, rules: Rules, read: Sequence[Balance], now_ms: int
) -> Alternative | None:
    """Return the most that fits of a request for a fallback model; None if nothing does."""
    rates = rules.tenant.rates
    try:
        claims = claims_on(request.subjects, request.amounts, rules.policies, rates, now_ms=now_ms)
    except (UnknownRate, InvalidValue):
        return None
    found = {(balance.budget.budget_id, balance.subject): balance for balance in read}
    met = [(claim, found[claim.budget.budget_id, claim.subject]) for claim in claims]
    is_unbudgeted = rules.tenant.require_budget and not met
    if is_unbudgeted or any(_is_paused(balance) for _, balance in met):
        return None
    rooms = [
        room_of(
            claim.budget.unit, balance.counter.grantable_at(now_ms=balance.now_ms),
            request.amounts, rates, now_ms=balance.now_ms,
        )
        for claim, balance in met
        if not claim.budget.is_shadow
    ]  # fmt: skip
    most = request.most_output(rooms, at_least=_least_output(request))
    return None if most is None else _within_caps(request.with_output(most), rules)


def _is_paused(balance: Balance) -> bool:
    budget = balance.budget
    verdict = verdict_on(budget, balance.period, balance.counter, 0, now_ms=balance.now_ms)
    return refuses(budget, verdict)


def _least_output(request: SpendRequest) -> int:
    """Return the fewest output tokens that are of use: one, unless the request names more."""
    assert request.estimate is not None
    return min(request.estimate.usage.output_tokens, max(1, request.min_output_tokens or 1))


def _within_caps(request: SpendRequest, rules: Rules) -> Alternative | None:
    assert request.estimate is not None
    usage = request.estimate.usage
    try:
        check_token_caps(tokens_of(usage), request.subjects, rules.policies)
    except TokenCapExceeded:
        return None
    return Alternative(usage.provider, usage.model, usage.output_tokens, request.amounts)
