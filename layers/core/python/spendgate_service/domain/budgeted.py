"""Subject types and units that no budget of a tenant ever had: a request that names one is warned.

A misspelt type or unit limits nothing, and a request with it is granted.
"""

from collections.abc import Iterable

from spendgate_service.domain.subjects import STANDARD_TYPES, Subject
from spendgate_service.domain.tenants import BUDGETED_WORDS_MAX, Tenant

UNBUDGETED = "no budget applies to this request: nothing limits it"


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
