"""Derives a scenario from a trace: agents, amounts, and how each call ends.

A trace always produces the same scenario; only the order in which a busy machine serves it differs.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from local.demo.prices import MODELS, Amounts, Model, amounts_of
from local.demo.trace import TraceRequest

RUNAWAY = "runaway"
AGENTS = ("researcher", "coder", "reviewer", "support")
RUNAWAY_SHARE = 0.45

REQUESTS_PER_SESSION = 15
TTL_SECONDS = 300
EXPIRING_TTL_SECONDS = 1
EXPIRED_AFTER_SECONDS = 4.0  # a hold lasts at most one more bucket of a second

_SEED = 42
_MAX_OUTPUT_QUANTILE = 0.98
_RELEASED, _EXPIRING, _OUT_OF_ORDER, _REPEATED = 0.04, 0.01, 0.05, 0.05
_ASKED_TWICE = 0.03
_TELLS_AMOUNTS = 0.3
_CALL_SECONDS = (0.05, 0.8)
_OUT_OF_ORDER_SECONDS = (2.0, 3.0)

type Outcome = Literal["settle", "release"]


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One call to a model: its reservation and its settlement or release.

    `message_delays_seconds` has one delay per copy of its message.
    """

    number: int
    at_seconds: float
    subjects: dict[str, str]
    model: Model
    input_tokens: int
    output_tokens: int
    max_output_tokens: int
    estimate: Amounts
    actual: Amounts
    outcome: Outcome
    ttl_seconds: int
    asked_twice: bool
    tells_amounts: bool
    message_delays_seconds: tuple[float, ...]

    @property
    def agent(self) -> str:
        """The agent that makes the call."""
        return self.subjects["agent"]

    @property
    def expires_first(self) -> bool:
        """Whether its hold expires before it is settled."""
        return self.ttl_seconds == EXPIRING_TTL_SECONDS


def plan(trace: Sequence[TraceRequest]) -> list[PlannedRequest]:
    """Assign every request of a trace to an agent, a session and a model."""
    chance = random.Random(_SEED)  # noqa: S311  (the scenario must be reproducible)
    max_output_tokens = _usual_maximum(trace)
    sessions = max(1, round(len(trace) / REQUESTS_PER_SESSION / len(AGENTS)))
    return [
        _planned(number, request, agent, sessions, max_output_tokens, chance)
        for (number, request), agent in zip(enumerate(trace), _agents(chance), strict=False)
    ]


def _usual_maximum(trace: Sequence[TraceRequest]) -> int:
    """Return the maximum output that callers reserve: a few calls exceed it."""
    generated = sorted(request.generated_tokens for request in trace)
    return max(1, generated[int(_MAX_OUTPUT_QUANTILE * (len(generated) - 1))])


def _agents(chance: random.Random) -> Iterator[str]:
    """Yield agents; the runaway is first, so that it is part of the shortest trace."""
    yield RUNAWAY
    while True:
        yield RUNAWAY if chance.random() < RUNAWAY_SHARE else chance.choice(AGENTS)


def _planned(
    number: int,
    request: TraceRequest,
    agent: str,
    sessions: int,
    max_output_tokens: int,
    chance: random.Random,
) -> PlannedRequest:
    model = chance.choice(MODELS)
    runs_away = agent == RUNAWAY
    # Only its own limit shall stop the runaway: it names no session and never exceeds its
    # estimate.
    output_tokens = min(request.generated_tokens, max_output_tokens if runs_away else 10**9)
    outcome, ttl_seconds, delays = _ending(chance, runs_away=runs_away)
    subjects = {"agent": agent, "model": model.name}
    if not runs_away:
        subjects["session"] = f"{agent}-{chance.randrange(sessions) + 1}"
    tokens = request.context_tokens
    return PlannedRequest(
        number=number,
        at_seconds=request.at_seconds,
        subjects=subjects,
        model=model,
        input_tokens=tokens,
        output_tokens=output_tokens,
        max_output_tokens=max_output_tokens,
        estimate=amounts_of(model, input_tokens=tokens, output_tokens=max_output_tokens),
        actual=amounts_of(model, input_tokens=tokens, output_tokens=output_tokens),
        outcome=outcome,
        ttl_seconds=ttl_seconds,
        asked_twice=chance.random() < _ASKED_TWICE,
        tells_amounts=chance.random() < _TELLS_AMOUNTS,
        message_delays_seconds=delays,
    )


def _ending(chance: random.Random, *, runs_away: bool) -> tuple[Outcome, int, tuple[float, ...]]:
    """Return how a granted call ends, its time to live, and the delays of its messages."""
    kind, copies, soon = chance.random(), 1, chance.uniform(*_CALL_SECONDS)
    if chance.random() < _REPEATED:
        copies = chance.choice((2, 3))
    later = tuple(soon + copy * chance.uniform(*_CALL_SECONDS) for copy in range(copies))
    if runs_away or kind >= _RELEASED + _EXPIRING + _OUT_OF_ORDER:
        return "settle", TTL_SECONDS, later
    if kind < _RELEASED:
        return "release", TTL_SECONDS, later
    if kind < _RELEASED + _EXPIRING:
        return "settle", EXPIRING_TTL_SECONDS, (EXPIRED_AFTER_SECONDS,)
    return (
        "settle",
        TTL_SECONDS,
        tuple(delay + chance.uniform(*_OUT_OF_ORDER_SECONDS) for delay in later),
    )
