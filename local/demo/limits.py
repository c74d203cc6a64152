"""The budgets of the demo, with limits derived from the trace."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from local.demo.prices import TOKENS, USD
from local.demo.scenario import RUNAWAY, PlannedRequest

AGENT_BUDGET = "agents per hour"

_TWO_DIGITS = 1


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """A budget that the demo creates."""

    name: str
    subject: str
    unit: str
    limit: Decimal
    period: dict[str, str]

    @property
    def subject_type(self) -> str:
        """The type of its subjects."""
        return self.subject.partition(":")[0]


def budgets_for(requests: Sequence[PlannedRequest], *, tenant_id: str) -> list[BudgetPlan]:
    """Return a budget of every kind.

    The budgets of the organization and the models suffice for all requests. The agents' budget has
    less than half of what the runaway agent requests, so that it is refused. Some of the sessions'
    budgets are exhausted as well.
    """
    return [
        BudgetPlan(
            name="organization per month",
            subject=f"organization:{tenant_id}",
            unit=USD,
            limit=_rounded(_at_most(requests, USD) * Decimal("1.2"), ROUND_CEILING),
            period={"type": "calendar", "unit": "month"},
        ),
        BudgetPlan(
            name=AGENT_BUDGET,
            subject="agent:*",
            unit=USD,
            limit=_rounded(_wanted_by_runaway(requests) * Decimal("0.45"), ROUND_FLOOR),
            period={"type": "calendar", "unit": "hour"},
        ),
        BudgetPlan(
            name="balance per session",
            subject="session:*",
            unit=USD,
            limit=_rounded(_average_session(requests) * Decimal("1.2"), ROUND_CEILING),
            period={"type": "none"},
        ),
        BudgetPlan(
            name="models per day",
            subject="model:*",
            unit=TOKENS,
            limit=_rounded(_at_most(requests, TOKENS), ROUND_CEILING),
            period={"type": "calendar", "unit": "day", "timezone": "Europe/Paris"},
        ),
    ]


def _at_most(requests: Iterable[PlannedRequest], unit: str) -> Decimal:
    return sum(
        (max(request.estimate[unit], request.actual[unit]) for request in requests), Decimal(0)
    )


def _wanted_by_runaway(requests: Iterable[PlannedRequest]) -> Decimal:
    return sum(
        (request.actual[USD] for request in requests if request.agent == RUNAWAY), Decimal(0)
    )


def _average_session(requests: Iterable[PlannedRequest]) -> Decimal:
    """Return the mean amount per session; a cent for a trace without sessions."""
    wanted: dict[str, Decimal] = defaultdict(Decimal)
    for request in requests:
        if session := request.subjects.get("session"):
            wanted[session] += request.estimate[USD]
    return sum(wanted.values(), Decimal(0)) / len(wanted) if wanted else Decimal("0.01")


def _rounded(amount: Decimal, direction: str) -> Decimal:
    """Round to two significant digits, as people choose limits."""
    last_digit = Decimal((0, (1,), max(amount.adjusted() - _TWO_DIGITS, -9)))
    return amount.quantize(last_digit, direction)
