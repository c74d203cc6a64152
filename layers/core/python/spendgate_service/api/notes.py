"""What a caller is warned of, apart from budgets: prices, and words that no budget ever had."""

from collections.abc import Iterable

from spendgate_service.domain.budgeted import warnings_about
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.priced_amounts import (
    TOKENS,
    Priceable,
    PricedAmounts,
)


def notes_on(
    body: Priceable,
    priced: PricedAmounts,
    subjects: Iterable[Subject],
    tenant: Tenant,
) -> tuple[str, ...]:
    """Return the warnings about a request; the tokens of a usage need no budget of their own."""
    units = [unit for unit in priced.amounts if unit != TOKENS or unit in body.named_amounts()]
    return (*priced.notes, *warnings_about(tenant, subjects, units))
