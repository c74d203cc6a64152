"""Credits with an end: they help until that second, on every kind of budget, and no longer."""

from decimal import Decimal

import pytest

from tests.scenarios.service import Body, Party, calendar, duration, rolling
from tests.support.clock import FakeClock, in_seconds

PERIODS = [{"type": "none"}, calendar("month"), duration("5h"), rolling("5h")]


def may_reserve(agent: Party, amount: str) -> bool:
    """Whether an amount is granted; it is given back. A check says the same."""
    allowed = agent.check(amount)["allowed"]
    answer = agent.try_reserve(amount)
    assert (answer.status == 201) == allowed
    if answer.status == 201:
        agent.release(answer.body)
    return answer.status == 201


def ledger_sum(agent: Party, budget: Body, **query: str) -> Decimal:
    entries = agent.view(budget, "ledger", **query)["data"]
    return sum((Decimal(entry["amount"]) for entry in entries), Decimal(0))


def shown(agent: Party) -> tuple[str, str, str]:
    balance = agent.balance
    return balance["credits"], balance["available"], balance["overrun"]


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period["type"])
@pytest.mark.parametrize("subject", ["agent:a", "agent:*"])
def test_a_credit_helps_until_its_end_to_the_second(
    agent: Party, clock: FakeClock, period: Body, subject: str
) -> None:
    budget = agent.budget(subject, 10, period=period)
    query = {"subject": "agent:a"} if subject == "agent:*" else {}
    ends_at = in_seconds(clock, 6)
    credited = agent.credit(budget, 5, expires_at=ends_at, **query)
    assert credited["expires_at"] == ends_at.replace("Z", ".000Z")
    assert shown(agent) == ("5", "15", "0")
    assert may_reserve(agent, "12")

    agent.wait(4.9)
    assert may_reserve(agent, "12")
    agent.wait(0.6)  # on another clock it may have ended: it is shown, and not granted from
    assert shown(agent) == ("5", "15", "0")
    assert not agent.check("12")["allowed"]
    assert ledger_sum(agent, budget, **query) == -5
    agent.wait(0.5)

    assert shown(agent) == ("0", "10", "0")
    assert not may_reserve(agent, "10.01")
    assert may_reserve(agent, "10")
    assert shown(agent) == ("0", "10", "0")
    assert ledger_sum(agent, budget, **query) == 0
    (expired, _) = agent.view(budget, "ledger", **query)["data"]
    assert (expired["kind"], expired["amount"], expired["ref_id"]) == (
        "credit_expired", "5", credited["id"],
    )  # fmt: skip
    assert expired["created_at"] == credited["expires_at"]
    assert agent.view(budget, "audit", **query)["differences"] == []


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period["type"])
def test_what_was_used_of_a_credit_that_has_ended_is_an_overrun(
    agent: Party, clock: FakeClock, period: Body
) -> None:
    budget = agent.budget("agent:a", 10, period=period)
    agent.credit(budget, 5, expires_at=in_seconds(clock, 60))
    agent.spend(12)
    assert shown(agent) == ("5", "3", "0")

    agent.wait(60)

    assert shown(agent) == ("0", "-2", "2")
    assert agent.balance["status"] == "exhausted"
    refused = agent.try_reserve("0.01")
    assert (refused.status, refused.body["error"]["violations"][0]["credits"]) == (429, "0")
    agent.credit(budget, 3)
    assert not may_reserve(agent, "1.01")
    assert may_reserve(agent, "1")
    assert agent.view(budget, "audit")["differences"] == []


def test_credits_end_one_after_the_other(agent: Party, clock: FakeClock) -> None:
    budget = agent.budget("agent:a", 10)
    for amount, seconds in ((3, 300), (1, 100), (4, 200), (2, 100)):
        agent.credit(budget, amount, expires_at=in_seconds(clock, seconds))

    for most in ("20", "17", "13", "10"):
        assert not may_reserve(agent, f"{most}.000000001")
        assert may_reserve(agent, most)
        agent.wait(100)
    assert agent.view(budget, "audit")["differences"] == []


def test_what_a_hold_took_of_a_credit_stays_held_after_its_end(
    agent: Party, clock: FakeClock
) -> None:
    budget = agent.budget("agent:a", 10)
    agent.credit(budget, 5, expires_at=in_seconds(clock, 10))
    held = agent.reserve(12, ttl_seconds=60)
    agent.wait(10)

    assert shown(agent) == ("0", "-2", "0")
    path = f"/v1/reservations/{held['reservation_id']}/extend"
    agent.done("POST", path, {"ttl_seconds": 120})
    assert agent.try_reserve("0.01").status == 429
    agent.settle(held, 11)

    assert shown(agent) == ("0", "-1", "1")
    assert agent.view(budget, "audit")["differences"] == []


@pytest.mark.parametrize("seconds", [-86_400, -1, 0, 0.4])
def test_an_end_in_the_past_is_refused(agent: Party, clock: FakeClock, seconds: float) -> None:
    budget = agent.budget("agent:a", 10)

    for amount in ("5", "-5"):
        body = {"amount": amount, "expires_at": in_seconds(clock, seconds)}
        answer = agent.ask("POST", f"/v1/budgets/{budget['budget_id']}/credits", body)
        assert (answer.status, answer.body["error"]["param"]) == (422, "body.expires_at")
    assert agent.view(budget, "ledger")["data"] == []


@pytest.mark.parametrize("seconds", [60, 40 * 86_400])
def test_a_correction_of_a_credit_with_an_end_is_not_taken_off_twice(
    agent: Party, clock: FakeClock, seconds: int
) -> None:
    budget = agent.budget("agent:a", 10, period=calendar("month"))
    path = f"/v1/budgets/{budget['budget_id']}/credits"
    ends_at = in_seconds(clock, seconds)
    agent.credit(budget, 5, expires_at=ends_at)

    for amount, end in (("-5.1", ends_at), ("-1", in_seconds(clock, 70))):
        refused = agent.ask("POST", path, {"amount": amount, "expires_at": end})
        if seconds == 60 or amount == "-5.1":
            assert (refused.status, refused.body["error"]["param"]) == (422, "body.amount")
    agent.credit(budget, -4, expires_at=ends_at)

    assert shown(agent) == ("1", "11", "0")
    agent.wait(60)
    assert shown(agent) == (("0", "10", "0") if seconds == 60 else ("1", "11", "0"))
    assert may_reserve(agent, "10")
    assert agent.view(budget, "audit")["differences"] == []


def test_thresholds_and_soft_limits_count_a_credit_until_its_end(
    agent: Party, clock: FakeClock
) -> None:
    budget = agent.budget("agent:a", 10, warn_at_pct=[80])
    agent.credit(budget, 10, expires_at=in_seconds(clock, 60))
    agent.spend(9)
    assert (agent.balance["utilization_pct"], agent.balance["status"]) == (45, "active")
    agent.patch(budget, soft_limit="20")
    path = f"/v1/budgets/{budget['budget_id']}"

    agent.wait(60)

    assert (agent.balance["utilization_pct"], agent.balance["status"]) == (90, "warning")
    assert agent.ask("PATCH", path, {"soft_limit": "19"}).status == 422


def test_an_export_has_the_end_of_a_credit_from_that_moment_on(
    agent: Party, clock: FakeClock
) -> None:
    budget = agent.budget("agent:a", 10)
    agent.credit(budget, 5, expires_at=in_seconds(clock, 60))
    until = in_seconds(clock, 3600)

    agent.wait(59)
    before = [entry["kind"] for entry in agent.exported(to=until)]
    agent.wait(1)

    assert before == ["credit"]
    assert [entry["kind"] for entry in agent.exported(to=until)] == ["credit", "credit_expired"]


def test_a_balance_has_a_bounded_number_of_ends(
    agent: Party, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spendgate_service.store.credit_writes.ENDS_MAX", 2)
    budget = agent.budget("agent:a", 10)
    path = f"/v1/budgets/{budget['budget_id']}/credits"
    for seconds in (60, 70, 60):
        agent.credit(budget, 1, expires_at=in_seconds(clock, seconds))

    body = {"amount": "1", "expires_at": in_seconds(clock, 80)}
    refused = agent.ask("POST", path, body)
    agent.wait(60)

    assert (refused.status, refused.body["error"]["param"]) == (422, "body.expires_at")
    assert agent.ask("POST", path, body).status == 201
    assert shown(agent) == ("2", "12", "0")
