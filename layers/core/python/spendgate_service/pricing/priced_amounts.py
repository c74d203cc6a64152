"""What a request asks for or reports, with its usage priced as its tenant wants it."""

from collections.abc import Mapping
from typing import Protocol

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.usage import PricedAmounts, Usage, with_usage


class Priceable(Protocol):
    """A body with amounts, with usage, or with both."""

    def named_amounts(self) -> Mapping[str, Amount]:
        """The amounts as they were sent."""
        ...

    def named_usage(self) -> Usage | None:
        """The usage as it was sent."""
        ...


class KnowsTenants(Protocol):
    """What pricing wants of `store.policy_cache.PolicyCache`."""

    def tenant(self, tenant_id: str) -> Tenant:
        """The tenant's settings."""
        ...


def priced_amounts(
    body: Priceable, policy_cache: KnowsTenants, tenant_id: str, now_ms: int
) -> PricedAmounts:
    """Price a body by the tenant's own prices, or else by the built-in table.

    Raises UnknownPrice if the tenant rejects models without a price, and InvalidValue.
    """
    usage = body.named_usage()
    if usage is None:
        return PricedAmounts(body.named_amounts())
    tenant = policy_cache.tenant(tenant_id)
    return with_usage(
        body.named_amounts(),
        usage,
        now_ms=now_ms,
        unpriced_model=tenant.unpriced_model,
        prices=tenant.prices,
    )
