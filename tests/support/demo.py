"""A small world for the demo's own tests: one budget, one agent, amounts of one dollar."""

from dataclasses import replace
from decimal import Decimal

from local.demo.prices import Model
from local.demo.record import CounterName, Grant, Held, Record, Refusal
from local.demo.scenario import PlannedRequest

COUNTER = CounterName("bud_1", "agent:a", "2026-01")
LIMITS = {"bud_1": Decimal(2)}

_REQUEST = PlannedRequest(
    number=0,
    at_seconds=0.0,
    subjects={"agent": "a"},
    model=Model("openai", "gpt-4o"),
    input_tokens=100,
    output_tokens=10,
    max_output_tokens=20,
    estimate={"usd": Decimal(1)},
    actual={"usd": Decimal(1)},
    outcome="settle",
    ttl_seconds=300,
    asked_twice=False,
    tells_amounts=True,
    message_delays_seconds=(0.0,),
)


def request(number: int = 0, **changes: object) -> PlannedRequest:
    return replace(_REQUEST, number=number, **changes)  # type: ignore[arg-type]


def grant(
    number: int = 0,
    *,
    asked_at: float = 0.0,
    answered_at: float = 1.0,
    reported_at: float | None = None,
    spent: int = 0,
    held: int = 1,
    **changes: object,
) -> Grant:
    planned = request(number, **changes)
    hold = Held(
        COUNTER,
        "usd",
        planned.estimate["usd"],
        spent=Decimal(spent),
        held=Decimal(held),
    )
    return Grant(planned, f"rsv_{number}", asked_at, answered_at, (hold,), reported_at)


def refusal(*violated: tuple[str, str]) -> Refusal:
    return Refusal(request(), "rate_limit_exceeded", violated)


def record(*grants: Grant, refusals: tuple[Refusal, ...] = ()) -> Record:
    return Record(grants=list(grants), refusals=list(refusals), messages=len(grants))
