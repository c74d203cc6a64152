"""Credits for tests of the store."""

from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from tests.support.world import TENANT, World


def credit(
    world: World,
    budget: Budget,
    amount: int,
    *,
    seconds: int | None = None,
    subject: str | None = None,
) -> None:
    """Credit a budget, or correct it; a credit may end so many seconds from now."""
    ends_at = None if seconds is None else world.clock.now_ms() // 1000 + seconds
    counted = None if subject is None else parse_subject(subject)
    given = Credit(budget.budget_id, counted, amount * ONE, Provenance(), ends_at)
    apply_credit(world.table, TENANT, given, idempotency=None, now_ms=world.clock.now_ms())
