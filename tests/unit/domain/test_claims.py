"""Which budgets apply to a request."""

from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, Policy, claims_on, counted_subject
from spendgate_service.domain.errors import InvalidValue, UnknownRate
from spendgate_service.domain.periods import NoPeriod
from spendgate_service.domain.rates import Conversion, Rate
from spendgate_service.domain.subjects import Subject, parse_subject

AGENT = Subject("agent", "a")
OTHER = Subject("agent", "b")
USER = Subject("user", "u")


def budget(budget_id: str, subject: Subject, unit: str = "usd") -> Budget:
    return Budget(budget_id, subject, unit, 10, NoPeriod(), 0, 0)


def policies(*budgets: Budget, version: int = 1) -> dict[Subject, Policy]:
    """A policy for every subject of these tests and its type, most of them empty."""
    subjects = [
        spelled for subject in (AGENT, OTHER, USER) for spelled in (subject, subject.default)
    ]
    return {
        subject: Policy(
            subject, version, tuple(budget for budget in budgets if budget.subject == subject)
        )
        for subject in subjects
    }


def claimed(subjects: list[Subject], amounts: dict[str, int], *budgets: Budget) -> list[str]:
    return [
        claim.budget.budget_id
        for claim in claims_on(subjects, amounts, policies(*budgets), {}, now_ms=0)
    ]


def test_a_budget_of_the_subjects_own_applies() -> None:
    assert claimed([AGENT], {"usd": 1}, budget("own", AGENT)) == ["own"]


def test_a_default_applies_to_every_subject_of_its_type_and_counts_for_each() -> None:
    default = budget("default", AGENT.default)

    claims = claims_on([AGENT], {"usd": 1}, policies(default), {}, now_ms=0)

    assert [(claim.budget, claim.subject) for claim in claims] == [(default, AGENT)]


def test_an_override_replaces_all_the_defaults_of_its_type() -> None:
    budgets = [
        budget("default usd", AGENT.default),
        budget("default tokens", AGENT.default, "tokens"),
        budget("own", AGENT),
    ]

    assert claimed([AGENT], {"usd": 1, "tokens": 1}, *budgets) == ["own"]
    assert claimed([OTHER], {"usd": 1, "tokens": 1}, *budgets) == ["default usd", "default tokens"]


def test_an_override_in_a_unit_that_is_not_asked_for_still_replaces_the_defaults() -> None:
    budgets = [budget("default usd", AGENT.default), budget("own tokens", AGENT, "tokens")]

    assert claimed([AGENT], {"usd": 1}, *budgets) == []


def test_a_budget_in_a_unit_that_is_not_asked_for_does_not_apply() -> None:
    budgets = [budget("usd", AGENT), budget("tokens", AGENT, "tokens")]

    assert claimed([AGENT], {"tokens": 5}, *budgets) == ["tokens"]


def test_every_budget_of_a_subject_applies_each_with_the_amount_in_its_unit() -> None:
    budgets = [budget("usd", AGENT), budget("more usd", AGENT), budget("tokens", AGENT, "tokens")]

    claims = claims_on([AGENT], {"usd": 1, "tokens": 5}, policies(*budgets), {}, now_ms=0)

    assert [claim.amount for claim in claims] == [1, 1, 5]


def test_claims_stand_in_the_order_of_refusal_whatever_the_order_of_the_request() -> None:
    budgets = [budget("agent", AGENT), budget("user", USER)]

    assert claimed([AGENT, USER], {"usd": 1}, *budgets) == ["user", "agent"]


def test_a_claim_carries_the_version_of_the_policy_it_was_read_from() -> None:
    (claim,) = claims_on(
        [AGENT], {"usd": 1}, policies(budget("own", AGENT), version=7), {}, now_ms=0
    )

    assert claim.policy_version == 7


def test_a_disabled_override_leaves_the_defaults_in_force() -> None:
    disabled = replace(budget("own", AGENT), disabled=True)

    assert claimed([AGENT], {"usd": 1}, disabled, budget("default", AGENT.default)) == ["default"]


def test_a_budget_in_another_unit_is_met_through_a_rate_rounded_up() -> None:
    rate = Rate("eur", "usd", ONE + 1, updated_at_ms=0)
    rates = {"usd": {"eur": rate}}

    (claim,) = claims_on([AGENT], {"eur": 5}, policies(budget("own", AGENT)), rates, now_ms=0)

    assert claim.amount == 6
    assert claim.conversions == (Conversion("eur", ONE + 1),)


def test_of_two_rates_the_one_that_counts_most_is_taken() -> None:
    rates = {
        "usd": {
            "eur": Rate("eur", "usd", 2 * ONE, updated_at_ms=0),
            "tokens": Rate("tokens", "usd", ONE, updated_at_ms=0),
        }
    }
    amounts = {"eur": 5, "tokens": 11}

    (claim,) = claims_on([AGENT], amounts, policies(budget("own", AGENT)), rates, now_ms=0)

    assert claim.amount == 11


def test_a_rate_that_is_too_old_is_unknown() -> None:
    rate = Rate("eur", "usd", ONE, updated_at_ms=0, max_age_seconds=60)
    own = policies(budget("own", AGENT))

    assert claims_on([AGENT], {"eur": 1}, own, {"usd": {"eur": rate}}, now_ms=59_999)
    with pytest.raises(UnknownRate):
        claims_on([AGENT], {"eur": 1}, own, {"usd": {"eur": rate}}, now_ms=60_000)


def test_a_budget_of_one_subject_counts_that_subject_alone() -> None:
    assert counted_subject(AGENT, None) == counted_subject(AGENT, AGENT) == AGENT
    with pytest.raises(InvalidValue):
        counted_subject(AGENT, OTHER)


def test_a_default_counts_the_subject_that_is_asked_for() -> None:
    assert counted_subject(AGENT.default, OTHER) == OTHER


@pytest.mark.parametrize("asked", [None, "agent:*", "user:u"])
def test_a_default_counts_nobody_in_particular(asked: str | None) -> None:
    with pytest.raises(InvalidValue, match="name the agent"):
        counted_subject(AGENT.default, parse_subject(asked) if asked else None)
