"""What the model knows: budgets, counters, reservations, and how they look at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tests.model.time import Every

type Amounts = Mapping[str, Decimal]
type Opening = Decimal | Literal["inherit"]
type CounterKey = tuple[str, str, str]
"""Budget, subject and the label of the period."""


@dataclass
class Rule:
    """A budget."""

    budget_id: str
    subject: str
    unit: str
    limit: Decimal
    every: Every
    soft_limit: Decimal | None = None
    pauses: bool = False
    shadow: bool = False
    paused: bool = False
    disabled: bool = False
    resumed_at_ms: int | None = None
    deleted: bool = False


@dataclass
class Counter:
    """What was spent (with the moment at which it leaves a window) and what was credited.

    `ending` are credits by the moment at which they end, `to_the_end` those of `credits` that end
    with the period.
    """

    spent: list[tuple[int | None, Decimal]] = field(default_factory=list)
    credits: Decimal = Decimal(0)
    ending: dict[int, Decimal] = field(default_factory=dict)
    to_the_end: Decimal = Decimal(0)

    def credited(self, *, after_ms: int) -> Decimal:
        """What is credited still after a moment."""
        lasting = (amount for at, amount in self.ending.items() if at * 1000 > after_ms)
        return sum(lasting, self.credits)


@dataclass
class Line:
    """What a reservation holds on one counter."""

    rule: Rule
    subject: str
    key: CounterKey
    is_converted: bool
    """Whether amounts in other units count on it, as they did when it was reserved."""
    rated: frozenset[str] = frozenset()
    """The units that count on it since a capture named them."""


@dataclass
class Reservation:
    """A reservation, or a lease that is captured in parts, and what became of it.

    `captured` and `returned` are totals since the start.
    """

    subjects: Sequence[str]
    amounts: Amounts
    lines: Sequence[Line]
    created_at_ms: int
    expires_at_ms: int
    gone_at: int
    charges: bool = False
    state: str = "held"
    actual: Amounts = field(default_factory=dict)
    finalized_at_ms: int = 0
    captured: Amounts = field(default_factory=dict)
    returned: Amounts = field(default_factory=dict)
    is_charged: bool = False
    captured_late: bool = False

    @property
    def not_returned(self) -> dict[str, Decimal]:
        nothing = Decimal(0)
        return {
            unit: max(granted - self.returned.get(unit, nothing), nothing)
            for unit, granted in self.amounts.items()
        }

    @property
    def uncaptured(self) -> dict[str, Decimal]:
        nothing = Decimal(0)
        return {
            unit: max(left - self.captured.get(unit, nothing), nothing)
            for unit, left in self.not_returned.items()
        }

    @property
    def counted(self) -> Amounts:
        """What counts as spent; once it is charged, all that was not given back."""
        if self.state != "held":
            return self.actual
        if not self.is_charged:
            return self.captured
        return largest(self.captured, self.not_returned)


@dataclass(frozen=True)
class Report:
    """What a capture says: totals since the start."""

    captured: Amounts
    returned: Amounts


type Message = Report | Amounts | None
"""What a message about a reservation says: totals, its actual cost, or that it is released."""


@dataclass
class Spend:
    """What was recorded: which budgets apply and which of them count it, and on which counters."""

    amounts: Amounts
    shares: list[tuple[str, str, bool]]
    counted: list[tuple[CounterKey, Decimal]]
    at_ms: int
    is_reversed: bool = False


@dataclass(frozen=True)
class View:
    """A balance."""

    rule: Rule
    subject: str
    spent: Decimal
    held: Decimal
    entitlement: Decimal
    ends_in: int | None
    is_soft_paused: bool

    @property
    def available(self) -> Decimal:
        return self.entitlement - self.spent - self.held

    @property
    def is_paused(self) -> bool:
        return self.rule.paused or self.is_soft_paused

    @property
    def status(self) -> str:
        if self.is_paused:
            return "paused"
        if self.available <= 0:
            return "exhausted"
        soft = self.rule.soft_limit is not None and self.spent >= self.rule.soft_limit
        full = self.entitlement <= 0 or self.spent * 100 >= self.entitlement * 80
        return "warning" if soft or full else "active"


@dataclass(frozen=True)
class Refused:
    """A refusal: its code, and the budgets behind it: what was asked, how long to wait, and why."""

    code: str
    by: tuple[tuple[View, Decimal, int | None, str], ...] = ()


def largest(totals: Amounts, others: Amounts) -> dict[str, Decimal]:
    """The larger of two totals of each unit."""
    return {
        unit: max(totals.get(unit, Decimal(0)), others.get(unit, Decimal(0)))
        for unit in {**totals, **others}
    }


def plain(amount: Decimal) -> str:
    """An amount as an answer writes it."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
