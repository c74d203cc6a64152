"""The answers have exactly the fields of the interface, amounts as strings and times in UTC."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from spendgate_service.api.errors import problem_of
from spendgate_service.domain.amounts import ONE, parse_amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused, NoBudget
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.rates import Conversion
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.domain.settlements import RecordedSpend
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import BudgetShare
from spendgate_service.wire.balances import balance_response, warnings_of
from spendgate_service.wire.check import CheckResponse, check_response
from spendgate_service.wire.hints import Refusal
from spendgate_service.wire.ledger import ledger_entry_response
from spendgate_service.wire.reservations import reservation_granted, reservation_response
from spendgate_service.wire.spend import recorded_spend_response, spend_response
from spendgate_service.wire.values import amount_in_warning
from tests.support.api_requests import BALANCE, NOON_MS, balance

SUBJECTS = (
    Subject("organization", "acme"),
    Subject("api_key", "key_1"),
    Subject("agent", "researcher"),
)
RESERVATION = Reservation(
    reservation_id="rsv_1",
    subjects=SUBJECTS,
    amounts={"usd": ONE // 20, "tokens": 2000 * ONE},
    lines=(),
    bucket=0,
    created_at_ms=NOON_MS,
    expires_at_ms=NOON_MS + 300_000,
    fingerprint="f",
    metadata={"trace_id": "t"},
)
ON_ONE_BUDGET = replace(
    RESERVATION,
    lines=(Line("bud_1", Subject("agent", "researcher"), "usd", "2026-03-01", ONE // 20),),
)


def test_a_balance_of_a_day() -> None:
    assert balance_response(balance("10", "8.5", held="1")) == {
        "budget_id": "bud_1",
        "name": None,
        "subject": "agent:researcher",
        "unit": "usd",
        "period": {
            "type": "calendar",
            "key": "2026-03-01",
            "starts_at": "2026-03-01T00:00:00.000Z",
            "ends_at": "2026-03-02T00:00:00.000Z",
        },
        "limit": "10",
        "credits": "0",
        "carried_in": "0",
        "soft_limit": None,
        "spent": "8.5",
        "held": "1",
        "available": "0.5",
        "overrun": "0",
        "utilization_pct": 85.0,
        "percent_remaining": 15.0,
        "status": "warning",
        "resets_at": "2026-03-02T00:00:00.000Z",
        "resets_in_seconds": 43_200,
        "forecast": {
            "burn_rate_per_hour": "510",
            "limit_reached_at": "2026-03-01T12:00:10.839Z",
        },
    }


def test_a_balance_that_never_resets_has_no_times() -> None:
    answer = balance_response(balance(period=BALANCE))

    assert answer["period"] == {
        "type": "none",
        "key": "balance",
        "starts_at": None,
        "ends_at": None,
    }
    assert answer["resets_at"] is None
    assert answer["resets_in_seconds"] is None


def test_an_overrun_shows_below_zero_and_beside_the_limit() -> None:
    answer = balance_response(balance("10", "10.5"))

    assert (answer["available"], answer["overrun"]) == ("-0.5", "0.5")
    assert (answer["utilization_pct"], answer["percent_remaining"]) == (105.0, 0.0)


def test_a_warning_is_the_sentence_of_the_interface() -> None:
    assert warnings_of([balance("10", "8.5")]) == ["agent:researcher usd day at 85.0%: 8.50 of 10"]
    assert warnings_of([balance("3", "2.5", subject="session:s", period=BALANCE)]) == [
        "session:s usd balance at 83.3%: 2.50 of 3"
    ]


def test_a_budget_below_its_threshold_does_not_warn() -> None:
    assert warnings_of([balance("10", "7.99"), balance("10", "0", held="7.99")]) == []


def test_a_warning_counts_what_is_spent_held_and_asked_for() -> None:
    asked = replace(balance("10", "3", held="3"), asked=2 * ONE)

    assert warnings_of([asked]) == ["agent:researcher usd day at 80.0%: 8 of 10"]
    assert not asked.is_warning


def test_above_a_soft_limit_the_warning_names_it_and_not_the_threshold() -> None:
    day = balance("10", "8.5")
    soft = replace(day, budget=replace(day.budget, soft_limit=8 * ONE, warn_at_pct=(50,)))
    below = replace(soft, counter=balance("10", "7.99").counter)

    assert warnings_of([soft]) == [
        "agent:researcher usd day soft limit exceeded: 8.50 of 8 (limit 10)"
    ]
    assert warnings_of([below]) == ["agent:researcher usd day at 79.9%: 7.99 of 10"]


@pytest.mark.parametrize(
    ("amount", "text"),
    [("10", "10"), ("8.5", "8.50"), ("8.25", "8.25"), ("0.0125", "0.0125"), ("-0.5", "-0.50")],
)
def test_a_fraction_in_a_sentence_has_two_digits_at_least(amount: str, text: str) -> None:
    assert amount_in_warning(parse_amount(amount)) == text


def test_a_granted_reservation() -> None:
    answer = reservation_granted(ON_ONE_BUDGET, [balance("10", "8.5")])

    assert answer == {
        "reservation_id": "rsv_1",
        "state": "held",
        "expires_at": "2026-03-01T12:05:00.250Z",
        "created_at": "2026-03-01T12:00:00.250Z",
        "subjects": {"agent": "researcher"},
        "amounts": {"usd": "0.05", "tokens": "2000"},
        "action": "warn",
        "warnings": ["agent:researcher usd day at 85.0%: 8.50 of 10"],
        "unpriced": False,
        "unbudgeted": False,
        "budgets": [balance_response(balance("10", "8.5"))],
    }


def test_a_grant_without_warnings_goes_on() -> None:
    assert reservation_granted(ON_ONE_BUDGET, [balance()])["action"] == "continue"
    assert reservation_granted(RESERVATION, [], notes=["no price"])["action"] == "warn"


def test_a_reservation_tells_its_story() -> None:
    settled = replace(
        RESERVATION,
        state="settled",
        actual={"usd": ONE // 10},
        finalized_at_ms=NOON_MS + 300_000,
    )

    held = reservation_response(RESERVATION, now_ms=NOON_MS)
    expired = reservation_response(RESERVATION, now_ms=NOON_MS + 300_000)
    after = reservation_response(settled, now_ms=NOON_MS)

    assert (held["state"], held["actual"], held["finalized_at"]) == ("held", None, None)
    assert held["metadata"] == {"trace_id": "t"}
    assert expired["state"] == "expired"
    assert (after["state"], after["actual"]) == ("settled", {"usd": "0.1"})
    assert (after["late"], after["overrun"]) == (True, True)
    assert after["finalized_at"] == "2026-03-01T12:05:00.250Z"


def test_a_reservation_names_what_it_holds_on_each_budget_and_at_which_rate() -> None:
    agent = Subject("agent", "researcher")
    plain = Line("bud_1", agent, "tokens", "balance", 2000 * ONE)
    converted = Line("bud_2", agent, "eur", "2026-03", ONE, (Conversion("usd", 9 * ONE // 10),))

    answer = reservation_response(replace(RESERVATION, lines=(plain, converted)), now_ms=NOON_MS)

    of_agent = {"subject": "agent:researcher"}
    assert answer["lines"] == [
        {**of_agent, "budget_id": "bud_1", "unit": "tokens", "period_key": "balance",
         "amount": "2000", "from": None, "rate": None},
        {**of_agent, "budget_id": "bud_2", "unit": "eur", "period_key": "2026-03",
         "amount": "1", "from": "usd", "rate": "0.9"},
    ]  # fmt: skip


def check_refused(balances: Sequence[Balance], refusal: Refusal) -> CheckResponse:
    return check_response(balances, refusal=refusal, error_code=problem_of(refusal).code)


def test_a_check_that_nothing_restricts_has_nothing_to_say() -> None:
    answer = check_response([balance()])

    assert answer == {
        "action": "continue",
        "allowed": True,
        "message": None,
        "error_code": None,
        "budget_id": None,
        "balance": None,
        "currency": None,
        "retry_after_seconds": None,
        "warnings": [],
        "unpriced": False,
        "unbudgeted": False,
        "may_request_increase": False,
        "hint": "Go on.",
        "budgets": [balance_response(balance())],
    }


def test_a_warning_check_describes_the_budget_that_is_spent_most() -> None:
    most = balance("10", "9", budget_id="bud_2", subject="session:s")

    answer = check_response([balance("10", "8.5"), most])

    assert (answer["action"], answer["allowed"]) == ("warn", True)
    assert (answer["budget_id"], answer["balance"], answer["currency"]) == ("bud_2", "1", "usd")
    assert answer["error_code"] is None
    assert answer["hint"] == (
        "Go on, but save: session:s has 1 usd left until 2026-03-02T00:00:00.000Z."
    )


def test_a_refused_check_describes_the_first_budget_that_refuses() -> None:
    first = balance("10", "9.5", budget_id="bud_2")
    refusal = BudgetExceeded([first.violation(ONE), balance().violation(ONE)])

    answer = check_refused([balance(), first], refusal)

    assert (answer["action"], answer["allowed"]) == ("stop", False)
    assert answer["error_code"] == "rate_limit_exceeded"
    assert (answer["budget_id"], answer["balance"]) == ("bud_2", "0.5")
    assert answer["retry_after_seconds"] == 43_200
    assert answer["hint"] == "Ask for at most 0.5 usd, or try again in about 12 hours."


def test_a_check_refused_by_an_empty_balance_says_who_can_help() -> None:
    empty = balance("10", "10", period=BALANCE)

    answer = check_refused([empty], BudgetExceeded([empty.violation(ONE)]))

    assert (answer["error_code"], answer["retry_after_seconds"]) == ("insufficient_quota", None)
    assert answer["hint"] == (
        "Stop; this balance does not reset by itself: ask for more with POST /v1/increase-requests."
    )


def test_a_check_may_be_refused_by_a_pause_or_for_want_of_a_budget() -> None:
    paused = check_refused([balance()], BudgetPaused([balance().violation(ONE, is_paused=True)]))
    unlimited = check_refused([], NoBudget())

    assert (paused["action"], paused["error_code"]) == ("pause", "budget_paused")
    assert (paused["budget_id"], paused["balance"]) == ("bud_1", "10")
    assert (unlimited["action"], unlimited["error_code"]) == ("stop", "no_budget")
    assert unlimited["budget_id"] is None


ENTRY = LedgerEntry(
    entry_id="led_1",
    budget_id="bud_1",
    subject=Subject("agent", "researcher"),
    period_key="2026-03-01",
    unit="usd",
    amount=-ONE,
    created_at_ms=NOON_MS,
    ref_id="gen-1",
)


def test_a_ledger_entry() -> None:
    assert ledger_entry_response(replace(ENTRY, kind="credit")) == {
        "id": "led_1",
        "budget_id": "bud_1",
        "subject": "agent:researcher",
        "period_key": "2026-03-01",
        "amount": "-1",
        "unit": "usd",
        "meter_source": None,
        "ref_type": None,
        "ref_id": "gen-1",
        "session_id": None,
        "reservation_id": None,
        "description": None,
        "kind": "credit",
        "expires_at": None,
        "created_at": "2026-03-01T12:00:00.250Z",
        "original_amount": None,
        "original_unit": None,
        "rate": None,
    }


SHARE = BudgetShare("bud_1", Subject("agent", "researcher"), None, "usd", ONE, counted=False)
RECORDED = RecordedSpend(
    "use_1", SUBJECTS, {"usd": ONE}, (ENTRY,), (SHARE,), NOON_MS - 1000, NOON_MS
)


def test_recorded_spend_names_what_it_debited() -> None:
    assert recorded_spend_response(RECORDED) == {
        "usage_id": "use_1",
        "subjects": {"agent": "researcher"},
        "actual": {"usd": "1"},
        "entries": [ledger_entry_response(ENTRY)],
        "budgets": [
            {
                "budget_id": "bud_1",
                "subject": "agent:researcher",
                "period_key": None,
                "unit": "usd",
                "amount": "1",
                "counted": False,
                "original_amount": None,
                "original_unit": None,
                "rate": None,
            }
        ],
        "warnings": [],
        "unbudgeted": False,
        "unpriced": False,
        "occurred_at": "2026-03-01T11:59:59.250Z",
        "created_at": "2026-03-01T12:00:00.250Z",
    }


def test_a_snapshot_of_spend() -> None:
    answer = spend_response(tenant_id="acme", subjects=SUBJECTS, balances=[balance()])

    assert answer == {
        "tenant_id": "acme",
        "subjects": {"agent": "researcher"},
        "budgets": [balance_response(balance())],
        "warnings": [],
    }
