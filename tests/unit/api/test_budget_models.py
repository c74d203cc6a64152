"""What the bodies of budgets mean once they were read, and which contradict themselves."""

import json

import pytest

from spendgate_service.api.bodies.budgets import CreateBudgetBody, CreditBody, PatchBudgetBody
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, RollingPeriod
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject
from tests.support.api_requests import read, refused_param

NOW_MS = 1_772_366_400_250


def budget_of(**fields: object) -> Budget:
    text = json.dumps({"subject": "agent:a", "unit": "usd", "limit": 10, **fields})
    return read(CreateBudgetBody, text).to_budget(
        tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS
    )


def patched(budget: Budget, **fields: object) -> Budget:
    return read(PatchBudgetBody, json.dumps(fields)).applied_to(budget, now_ms=NOW_MS + 1)


def test_a_budget_is_built_from_its_body() -> None:
    body = read(
        CreateBudgetBody,
        '{"subject":"agent:*","unit":"usd","limit":"10","warn_at_pct":[90,50,90],'
        '"period":{"type":"calendar","unit":"day","timezone":"Europe/Paris"},'
        '"name":"Agents","metadata":{"team":"x"}}',
    )

    budget = body.to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    assert budget.subject == Subject("agent", "*")
    assert budget.limit == 10 * 10**9
    assert budget.period == CalendarPeriod("day", "Europe/Paris")
    assert budget.warn_at_pct == (50, 90)
    assert (budget.name, budget.metadata) == ("Agents", {"team": "x"})
    assert budget.created_at_ms == budget.updated_at_ms == NOW_MS


def test_a_budget_without_a_period_is_a_balance_that_warns_at_80_per_cent() -> None:
    body = read(CreateBudgetBody, '{"subject":"session:s:1","unit":"tokens","limit":0}')

    budget = body.to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    assert (budget.period, budget.warn_at_pct) == (NoPeriod(), (80,))
    assert budget.subject == Subject("session", "s:1")


def test_a_budget_on_another_organization_is_refused() -> None:
    body = read(CreateBudgetBody, '{"subject":"organization:other","unit":"usd","limit":1}')

    with pytest.raises(InvalidValue) as refused:
        body.to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    assert refused.value.param == "body.subject"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"subject": "agent"}, "body.subject"),
        ({"subject": "Agent:a"}, "body.subject"),
        ({"unit": "US Dollar"}, "body.unit"),
        ({"limit": "-1"}, "body.limit"),
        ({"warn_at_pct": [0]}, "body.warn_at_pct.0"),
        ({"warn_at_pct": [80, 101]}, "body.warn_at_pct.1"),
        ({"warn_at_pct": 80}, "body.warn_at_pct"),
        ({"period": {}}, "body.period"),
        ({"period": {"type": "rolling"}}, "body.period"),
        ({"period": {"type": "sliding", "seconds": 60}}, "body.period"),
        ({"period": {"type": "duration", "seconds": 60, "window": "1m"}}, "body.period"),
        ({"period": {"type": "duration", "seconds": 0}}, "body.period.seconds"),
        ({"period": {"type": "rolling", "seconds": 366 * 86_400 + 1}}, "body.period.seconds"),
        ({"period": {"type": "rolling", "window": "367d"}}, "body.period.window"),
        ({"period": {"type": "rolling", "window": "5 hops"}}, "body.period.window"),
        ({"period": {"type": "calendar"}}, "body.period.unit"),
        ({"period": {"type": "calendar", "unit": "minute"}}, "body.period.unit"),
        (
            {"period": {"type": "calendar", "unit": "day", "timezone": "Mars/Base"}},
            "body.period.timezone",
        ),
        (
            {"period": {"type": "calendar", "unit": "day", "timezone": "../../etc"}},
            "body.period.timezone",
        ),
        ({"period": {"type": "none", "unit": "day"}}, "body.period.unit"),
        ({"metadata": {"a": "x" * 5000}}, "body.metadata"),
        ({"metadata": ["a"]}, "body.metadata"),
        ({"mode": "audit"}, "body.mode"),
        ({"on_soft_limit": "stop"}, "body.on_soft_limit"),
        ({"soft_limit": "-1"}, "body.soft_limit"),
        ({"carry_over": {"unused": "yes"}}, "body.carry_over.unused"),
    ],
)
def test_a_bad_budget_is_refused_by_field(change: dict[str, object], param: str) -> None:
    body = {"subject": "agent:a", "unit": "usd", "limit": 1, **change}

    assert refused_param(CreateBudgetBody, json.dumps(body)) == param


def test_a_patch_changes_only_what_it_names() -> None:
    before = read(
        CreateBudgetBody, '{"subject":"agent:a","unit":"usd","limit":1,"name":"A"}'
    ).to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    after = read(PatchBudgetBody, '{"limit":"2.5"}').applied_to(before, now_ms=NOW_MS + 1)
    unnamed = read(PatchBudgetBody, '{"name":null}').applied_to(before, now_ms=NOW_MS + 1)

    assert (after.limit, after.name, after.updated_at_ms) == (2_500_000_000, "A", NOW_MS + 1)
    assert (unnamed.limit, unnamed.name) == (before.limit, None)


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ({"type": "duration", "seconds": 18_000}, DurationPeriod(18_000)),
        ({"type": "duration", "window": "5h"}, DurationPeriod(18_000)),
        ({"type": "rolling", "seconds": 3600}, RollingPeriod(3600)),
        ({"type": "rolling", "window": "2w"}, RollingPeriod(14 * 86_400)),
    ],
)
def test_a_length_is_written_in_seconds_or_as_a_window(
    written: dict[str, object], rule: object
) -> None:
    assert budget_of(period=written).period == rule


def test_everything_that_a_budget_may_say_is_read() -> None:
    budget = budget_of(
        soft_limit="8",
        on_soft_limit="pause",
        mode="shadow",
        period={"type": "calendar", "unit": "day"},
        carry_over={"unused": True, "max": "5", "debt": True},
    )

    assert (budget.soft_limit, budget.on_soft_limit, budget.mode) == (8 * 10**9, "pause", "shadow")
    assert budget.carry_over == CarryOver(unused=True, max=5 * 10**9, debt=True)


DAY = {"type": "calendar", "unit": "day"}
CONTRADICTIONS: list[tuple[dict[str, object], str]] = [
    ({"on_soft_limit": "pause"}, "body.on_soft_limit"),
    ({"carry_over": {"unused": True}}, "body.carry_over"),
    ({"carry_over": {}, "period": {"type": "rolling", "window": "1h"}}, "body.carry_over"),
    ({"carry_over": {"debt": True, "max": "1"}, "period": DAY}, "body.carry_over.max"),
]


@pytest.mark.parametrize(("fields", "param"), CONTRADICTIONS)
def test_a_budget_that_contradicts_itself_is_refused(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        budget_of(**fields)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("before", "change", "param"),
    [
        ({}, {"on_soft_limit": "pause"}, "body.on_soft_limit"),
        (
            {"period": DAY, "carry_over": {"unused": True}},
            {"period": {"type": "none"}},
            "body.carry_over",
        ),
    ],
)
def test_a_patch_that_makes_a_contradiction_is_refused(
    before: dict[str, object], change: dict[str, object], param: str
) -> None:
    budget = budget_of(**before)

    with pytest.raises(InvalidValue) as refused:
        patched(budget, **change)

    assert refused.value.param == param


def test_a_patch_may_take_a_soft_limit_and_a_carry_over_away() -> None:
    before = budget_of(soft_limit=8, on_soft_limit="pause", period=DAY, carry_over={"unused": True})

    after = patched(before, soft_limit=None, carry_over=None, period={"type": "none"})

    assert (after.soft_limit, after.on_soft_limit, after.carry_over) == (None, "warn", None)
    assert after.period == NoPeriod()


def test_a_patch_of_the_limit_leaves_the_soft_limit() -> None:
    after = patched(budget_of(soft_limit=8, on_soft_limit="pause"), limit=20)

    assert (after.soft_limit, after.on_soft_limit) == (8 * 10**9, "pause")


def test_a_soft_limit_that_is_set_anew_pauses_anew() -> None:
    resumed = budget_of(soft_limit=8, on_soft_limit="pause").resumed(now_ms=NOW_MS)

    assert resumed.resumed_at_ms == NOW_MS
    assert patched(resumed, name="other").resumed_at_ms == NOW_MS
    assert patched(resumed, soft_limit=9).resumed_at_ms is None


def test_a_resume_leaves_a_later_soft_pause_alone_where_there_is_none_yet() -> None:
    assert budget_of(soft_limit=8).resumed(now_ms=NOW_MS).resumed_at_ms is None


def test_a_resume_again_within_the_period_changes_nothing() -> None:
    once = budget_of(soft_limit=8, on_soft_limit="pause", period=DAY).resumed(now_ms=NOW_MS)

    assert once.resumed(now_ms=NOW_MS + 5) == once
    assert once.resumed(now_ms=NOW_MS + 86_400_000) != once


def test_a_credit_says_for_whom_and_why() -> None:
    text = '{"amount":"5","subject":"agent:a","description":"top-up","ref_id":"inv-1"}'

    body = read(CreditBody, text)

    assert (body.amount, body.to_subject(tenant_id="acme")) == (5 * 10**9, Subject("agent", "a"))
    assert body.to_provenance() == Provenance(ref_id="inv-1", description="top-up")


@pytest.mark.parametrize("amount", ["0", 0, "0.0000000001", None])
def test_a_credit_is_not_nothing(amount: object) -> None:
    assert refused_param(CreditBody, json.dumps({"amount": amount})) == "body.amount"
