"""Subject types and units that no budget of a tenant ever had: a request that names one is warned.

A misspelt type or unit limits nothing, and a request with it is granted.
"""

from collections.abc import Collection, Iterable

from spendgate_service.domain.subjects import STANDARD_TYPES, Subject
from spendgate_service.domain.tenants import BUDGETED_WORDS_MAX, Tenant

UNBUDGETED = "no budget applies to this request: nothing limits it"


def warning_about_currency(
    currency: str, named: Iterable[str], units: Collection[str], tenant: Tenant
) -> tuple[str, ...]:
    """Return a sentence if a price is in a currency that none of the budgets counts.

    `units` are those of the budgets on the subjects, and `named` those of the request. A budget
    that counts neither of them, by no rate, is in another currency.
    """
    named = set(named)
    if any(_counts(unit, {currency}, tenant) for unit in units):
        return ()
    others = sorted(unit for unit in units if not _counts(unit, named, tenant))
    if not others:
        return ()
    sentence = f"the price is in {currency}, which no budget of this request counts"
    return (f"{sentence}: there is no rate to {', '.join(others)}",)


def warnings_about_uncounted(units: Iterable[str]) -> tuple[str, ...]:
    """Return a sentence for each unit of a settlement that nothing counts."""
    return tuple(
        f"no budget counts the {unit} of this settlement: it was not reserved, and none applies"
        for unit in units
    )


def _counts(unit: str, named: Collection[str], tenant: Tenant) -> bool:
    return unit in named or not tenant.rates.get(unit, {}).keys().isdisjoint(named)


def warnings_about(
    tenant: Tenant, subjects: Iterable[Subject], units: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return a sentence for each type and unit that no budget of the tenant ever had.

    A unit of a conversion rate is known, too. Where the tenant has too many words to keep, or no
    budget yet, there is nothing to compare with.
    """
    sentences = [
        f"no budget of this tenant has ever been on {subject.type}: check the name of the type"
        for subject in subjects
        if subject.type not in STANDARD_TYPES
        and subject.type not in tenant.budgeted_types
        and len(tenant.budgeted_types) < BUDGETED_WORDS_MAX
    ]
    converted = {source for by_source in tenant.rates.values() for source in by_source}
    if 0 < len(tenant.budgeted_units) < BUDGETED_WORDS_MAX:
        sentences += [
            f"no budget of this tenant has ever been in {unit}: check the name of the unit"
            for unit in units
            if unit not in tenant.budgeted_units and unit not in converted
        ]
    return tuple(sentences)
