"""The budgets of the demo, with limits that suit the trace it replays."""

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
        """What its subjects are."""
        return self.subject.partition(":")[0]


def budgets_for(requests: Sequence[PlannedRequest], *, tenant_id: str) -> list[BudgetPlan]:
    """A budget of every kind.

    The organization's and the models' have room for everything that is asked for. The agents' has
    less than half of what the runaway wants, so that one hour or the next refuses it. Some of the
    sessions' balances run out as well.
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
    return sum((max(one.estimate[unit], one.actual[unit]) for one in requests), Decimal(0))


def _wanted_by_runaway(requests: Iterable[PlannedRequest]) -> Decimal:
    return sum((one.actual[USD] for one in requests if one.agent == RUNAWAY), Decimal(0))


def _average_session(requests: Iterable[PlannedRequest]) -> Decimal:
    """What a session wants; a cent for a trace in which nobody has one."""
    wanted: dict[str, Decimal] = defaultdict(Decimal)
    for one in requests:
        if session := one.subjects.get("session"):
            wanted[session] += one.estimate[USD]
    return sum(wanted.values(), Decimal(0)) / len(wanted) if wanted else Decimal("0.01")


def _rounded(amount: Decimal, direction: str) -> Decimal:
    """An amount with two significant digits, as people choose limits."""
    last_digit = Decimal((0, (1,), max(amount.adjusted() - _TWO_DIGITS, -9)))
    return amount.quantize(last_digit, direction)
