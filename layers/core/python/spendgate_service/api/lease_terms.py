"""What responses to reserve and extend carry for the holder of a lease."""

from collections.abc import Iterable

from spendgate_service.api.http import Request
from spendgate_service.pricing.builtin import TABLE_DATE
from spendgate_service.pricing.priced_amounts import price_for
from spendgate_service.wire.prices import price_response
from spendgate_service.wire.reservations import LeaseTerms


def lease_terms(request: Request, models: Iterable[tuple[str, str]]) -> LeaseTerms:
    """Price models (provider/model) by the tenant's settings, which are read once in a while.

    Each stands under its name as asked, and is the price that `GET /v1/prices` shows.
    """
    tenant = request.app.policy_cache.tenant(request.tenant_id)
    prices = {
        f"{provider}/{model}": price_for(tenant, provider, model, now_ms=request.now_ms)
        for provider, model in models
    }
    return {
        "prices": {
            name: None if price is None else price_response(price, table_date=TABLE_DATE)
            for name, price in prices.items()
        },
        "budgeted_types": sorted(tenant.budgeted_types),
    }
