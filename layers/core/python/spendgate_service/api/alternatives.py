"""What fits in place of a usage: the tenant's fallback models, for refusals and checks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from spendgate_service.api.bodies.reserving import ReserveBody
from spendgate_service.api.http import Request
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.fitting import Alternative
from spendgate_service.domain.subjects import MODEL
from spendgate_service.pricing.priced_amounts import PricedAmounts, estimated_usage
from spendgate_service.reservations.alternatives import alternatives_to
from spendgate_service.store.errors import Unavailable
from spendgate_service.wire.hints import Refusal

DESCRIBED_BY_A_CHECK: tuple[type[SpendgateError], ...] = get_args(Refusal.__value__)
"""The refusals that say what would help instead."""


def alternatives_for(request: Request[Any], body: ReserveBody) -> Sequence[Alternative] | None:
    """Find the fallback models that fit now; None if the request or the tenant names none.

    A key that is bound to a model has no alternative. What cannot be read now is left out: a
    refusal does not depend on it.
    """
    tenant_id, cache = request.tenant_id, request.app.policy_cache
    if body.usage is None or MODEL in request.principal.subjects:
        return None
    tenant = cache.tenant(tenant_id)
    if not tenant.fallback_models:
        return None
    usage, _ = estimated_usage(body, body.usage.to_usage(), tenant, now_ms=request.now_ms)
    wish = body.to_request(request.principal, priced=PricedAmounts({}, usage=usage))
    wish = replace(wish, subjects=tenant.spenders(wish.subjects))
    try:
        return alternatives_to(
            request.app.balances, wish, tenant,
            names_model=MODEL in body.subjects, now_ms=request.now_ms,
        )  # fmt: skip
    except Unavailable:
        return None


def with_alternatives(
    refusal: SpendgateError, request: Request[ReserveBody], body: ReserveBody
) -> SpendgateError:
    """Return the refusal of a usage with what fits in its place, if a check would describe it."""
    if isinstance(refusal, DESCRIBED_BY_A_CHECK):
        refusal.alternatives = alternatives_for(request, body)
    return refusal
