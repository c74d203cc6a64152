"""What a check advises: a sentence that helps whoever follows it."""

from dataclasses import replace

import pytest

from spendgate_service.api.errors import problem_of
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.errors import (
    BudgetExceeded,
    TokenCapExceeded,
    UnknownPrice,
    UnknownRate,
)
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from spendgate_service.domain.wording import duration_text
from spendgate_service.wire.check import check_response
from tests.support.api_requests import BALANCE, balance

ROLLING = RollingPeriod(3600)


def hint_to(asked: int, *refusing: Balance) -> object:
    refusal = BudgetExceeded([claim.violation(asked * ONE) for claim in refusing])
    return check_response(refusing, refusal=refusal, error_code=problem_of(refusal).code)["hint"]


def test_to_wait_is_no_advice_where_a_whole_period_allows_less() -> None:
    assert hint_to(11, balance("10", "9")) == (
        "Ask for at most 1 usd; a whole period allows less than was asked for: "
        "ask for more with POST /v1/increase-requests."
    )


def test_what_periods_leave_to_the_next_may_add_up_to_more_than_the_limit() -> None:
    day = balance("10", "9")
    carrying = replace(day, budget=replace(day.budget, carry_over=CarryOver(unused=True)))

    assert hint_to(11, carrying) == "Ask for at most 1 usd, or try again in about 12 hours."


@pytest.mark.parametrize(
    ("period", "advice"), [(ROLLING, ", or try again in"), (DurationPeriod(3600), "ask for more")]
)
def test_a_credit_is_there_again_in_a_rolling_window_alone(
    period: RollingPeriod | DurationPeriod, advice: str
) -> None:
    spent = balance("10", "10", period=period)
    credited = replace(spent, counter=spent.counter.credited(5 * ONE))

    assert advice in str(hint_to(12, credited))


def test_what_is_held_by_others_may_come_back_sooner_than_the_period_ends() -> None:
    assert hint_to(3, balance("10", "2", held="6")) == (
        "Ask for at most 2 usd, or try again in 5 seconds, when held amounts may have come back."
    )


def test_what_is_held_may_come_back_where_nothing_resets() -> None:
    assert hint_to(3, balance("10", "2", held="8", period=BALANCE)) == (
        "Stop and try again in 5 seconds, when held amounts may have come back."
    )


def test_holds_that_would_not_suffice_are_not_worth_waiting_for() -> None:
    assert "ask for more" in str(hint_to(9, balance("10", "2", held="8", period=BALANCE)))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "about 2 minutes"),
        (3600, "about 60 minutes"),
        (47_503, "about 13 hours"),
        (172_800, "about 2 days"),
        (2_895_713, "about 34 days"),
    ],
)
def test_long_waits_are_told_in_units_that_people_count_in(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_pause_beside_a_shortage_is_named_and_nothing_is_advised_against_it() -> None:
    short, paused = balance("10", "9"), balance("10", "0", budget_id="bud_2")
    refusal = BudgetExceeded([paused.violation(2 * ONE, is_paused=True), short.violation(2 * ONE)])

    answer = check_response([paused, short], refusal=refusal, error_code=problem_of(refusal).code)

    assert (answer["action"], answer["budget_id"]) == ("stop", "bud_1")
    assert answer["hint"] == (
        "Stop: too little is left, and a budget is paused until an admin resumes it."
    )


def test_one_second_is_not_many() -> None:
    last_second = replace(balance("10", "10"), now_ms=1_772_409_599_500)

    assert hint_to(1, last_second) == "Stop and try again in 1 second."


@pytest.mark.parametrize(
    ("refusal", "code", "hint"),
    [
        (
            TokenCapExceeded(subject="agent:a", kind="prompt", count=9, cap=8),
            "token_cap_exceeded",
            "Ask for at most 8 prompt tokens in one request.",
        ),
        (
            UnknownPrice(provider="me", model="m"),
            "unknown_price",
            "Send amounts instead of usage: only an admin can set a price for this model.",
        ),
        (
            UnknownRate(source="eur", target="usd"),
            "unknown_rate",
            "Stop: only an admin can set the rate from eur to usd anew.",
        ),
    ],
)
def test_a_refusal_that_no_budget_makes_says_what_to_do(
    refusal: TokenCapExceeded | UnknownPrice | UnknownRate, code: str, hint: str
) -> None:
    answer = check_response([], refusal=refusal, error_code=problem_of(refusal).code)

    assert (answer["action"], answer["allowed"], answer["error_code"]) == ("stop", False, code)
    assert (answer["message"], answer["hint"]) == (str(refusal), hint)


def test_a_warning_by_a_shadow_alone_describes_the_shadow() -> None:
    shadow = balance("10", "2", budget_id="bud_2")

    answer = check_response([balance(), shadow], shadowed=[shadow])

    assert (answer["action"], answer["budget_id"], answer["balance"]) == ("warn", "bud_2", "8")
    assert answer["hint"] == "Go on, but heed the warnings."
