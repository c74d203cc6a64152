"""The scenario: the same for the same trace, with something of everything in it."""

from decimal import Decimal

import pytest

from local.demo.limits import AGENT_BUDGET, budgets_for
from local.demo.prices import USD, Model, amounts_of
from local.demo.scenario import AGENTS, RUNAWAY, PlannedRequest, plan
from local.demo.trace import SHIPPED_TRACE, read_trace
from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.prices import cost_of
from spendgate_service.pricing.builtin import builtin_price


@pytest.fixture(scope="module")
def requests() -> list[PlannedRequest]:
    return plan(read_trace(SHIPPED_TRACE))


def test_the_same_trace_makes_the_same_scenario(requests: list[PlannedRequest]) -> None:
    assert plan(read_trace(SHIPPED_TRACE)) == requests


def test_every_agent_asks_and_the_runaway_most(requests: list[PlannedRequest]) -> None:
    asked = {
        agent: sum(request.agent == agent for request in requests) for agent in (*AGENTS, RUNAWAY)
    }
    assert min(asked.values()) > 0
    assert max(asked, key=lambda agent: asked[agent]) == RUNAWAY


def test_some_requests_are_released_late_overrun_repeated_and_asked_twice(
    requests: list[PlannedRequest],
) -> None:
    assert any(request.outcome == "release" for request in requests)
    assert any(request.expires_first for request in requests)
    assert any(request.actual[USD] > request.estimate[USD] for request in requests)
    assert any(len(request.message_delays_seconds) > 1 for request in requests)
    assert any(request.asked_twice for request in requests)


def test_few_requests_overrun_their_estimate(requests: list[PlannedRequest]) -> None:
    overrunning = sum(request.actual[USD] > request.estimate[USD] for request in requests)
    assert overrunning < len(requests) / 20


@pytest.mark.parametrize("count", [1, 2, 5, 50, 300])
def test_the_runaway_wants_more_than_two_hours_allow_however_short_the_trace(count: int) -> None:
    requests = plan(read_trace(SHIPPED_TRACE, requests_max=count))
    budgets = budgets_for(requests, tenant_id="t")
    limit = next(budget.limit for budget in budgets if budget.name == AGENT_BUDGET)
    of_runaway = [request for request in requests if request.agent == RUNAWAY]
    assert sum(call.actual[USD] for call in of_runaway) > 2 * limit > 0


def test_nothing_but_its_own_limit_stops_the_runaway(requests: list[PlannedRequest]) -> None:
    for request in requests:
        if request.agent == RUNAWAY:
            assert "session" not in request.subjects
            assert request.outcome == "settle"
            assert not request.expires_first
            assert request.actual[USD] <= request.estimate[USD]


@pytest.mark.parametrize("count", [1, 5, 300])
def test_the_organization_and_the_models_have_room_for_everything(count: int) -> None:
    requests = plan(read_trace(SHIPPED_TRACE, requests_max=count))
    for budget in budgets_for(requests, tenant_id="t"):
        if budget.subject_type in {"organization", "model"}:
            wanted = sum(
                max(request.estimate[budget.unit], request.actual[budget.unit])
                for request in requests
            )
            assert budget.limit >= wanted


def test_the_price_is_worked_out_without_the_service_and_comes_to_the_same() -> None:
    model = Model("anthropic", "claude-sonnet-4-5")
    own = amounts_of(model, input_tokens=1234, output_tokens=567)
    usage = Usage(model.provider, model.name, input_tokens=1234, output_tokens=567)
    price = builtin_price(model.provider, model.name, now_ms=1_770_000_000_000)
    assert price is not None
    assert own[USD] == Decimal(amount_text(cost_of(usage, price).amount))
    assert own["tokens"] == 1801
