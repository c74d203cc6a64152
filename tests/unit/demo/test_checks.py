"""Each check of the demo finds what it is there to find, and names both numbers."""

from dataclasses import replace
from decimal import Decimal

import pytest
from spendgate.testing import Served

from local.demo import checks
from local.demo.commitments import certainly_committed
from local.demo.observed import Balance, BudgetAudit, Ending, LedgerLine, Observed
from local.demo.record import Grant, Record
from tests.support.demo import COUNTER, LIMITS, grant, record, refusal

BALANCE = Balance(
    COUNTER, "usd", limit=Decimal(2), spent=Decimal(1), held=Decimal(0), overrun=Decimal(0)
)
LINE = LedgerLine(COUNTER, "rsv_0", Decimal(1))
AUDIT = BudgetAudit("bud_1", counters=1, differences=())
OBSERVED = Observed((BALANCE,), (LINE,), (AUDIT,), {})


def the_failure(check: checks.Check) -> str:
    (failure,) = check.failures
    return failure


def certain(*grants: Grant) -> list[str]:
    return [
        f"{amount:f}"
        for amount in certainly_committed([(grant, grant.holds[0]) for grant in grants])
    ]


def test_a_good_run_passes_every_check() -> None:
    seen = record(grant(), refusals=(refusal(("bud_1", "agent:a")),))
    for check in (
        checks.everything_was_answered(seen, 2),
        checks.no_grant_past_a_limit(seen.grants, LIMITS),
        checks.no_grant_past_a_limit_by_own_record(seen.grants, LIMITS),
        checks.ledger_agrees_with_counters(seen.grants, OBSERVED),
        checks.ledger_is_what_was_settled(seen.grants, OBSERVED),
        checks.reservations_say_how_they_ended(seen.grants, OBSERVED),
        checks.nothing_is_held(OBSERVED),
        checks.no_dead_letters(seen, before=3, after=3, waiting=0),
        checks.runaway_was_stopped(seen, LIMITS, budget_id="bud_1", subject="agent:a"),
    ):
        assert check.holds, check


def test_a_request_without_an_answer_is_found() -> None:
    assert "expected 2 grants and refusals, found 1" in the_failure(
        checks.everything_was_answered(record(grant()), 2)
    )


def served(*calls: tuple[int, int]) -> Record:
    """One grant of 110 tokens, and what the provider served: requests and their tokens."""
    seen = record(grant(actual={"usd": Decimal(1), "tokens": Decimal(110)}))
    seen.served = [
        Served("/v1/chat/completions", "gpt-4o", 200, tokens, 0, f"usercontentrequest {number}: hi")
        for number, tokens in calls
    ]
    return seen


def test_a_call_of_each_grant_at_its_tokens_is_what_the_provider_served() -> None:
    assert checks.provider_served_the_grants(served((0, 110))).holds


@pytest.mark.parametrize(
    ("calls", "found"),
    [((), "[110] tokens at the provider, found []"),
     (((0, 110), (0, 110)), "[110] tokens at the provider, found [110, 110]"),
     (((0, 90),), "[110] tokens at the provider, found [90]"),
     (((0, 110), (7, 50)), "request 7: expected calls of [] tokens at the provider, found [50]")],
)  # fmt: skip
def test_a_call_that_was_not_granted_or_not_made_is_found(
    calls: tuple[tuple[int, int], ...], found: str
) -> None:
    assert found in the_failure(checks.provider_served_the_grants(served(*calls)))


def test_an_answer_that_shows_more_than_the_limit_is_found() -> None:
    failure = the_failure(checks.no_grant_past_a_limit([grant(spent=2, held=1)], LIMITS))
    assert "expected at most 2" in failure
    assert "found 3" in failure


def test_grants_that_can_not_all_have_fitted_are_found_though_every_answer_looks_right() -> None:
    grants = [grant(number, asked_at=number * 2, answered_at=number * 2 + 1) for number in range(3)]
    assert checks.no_grant_past_a_limit(grants, LIMITS).holds
    failure = the_failure(checks.no_grant_past_a_limit_by_own_record(grants, LIMITS))
    assert "expected at most 2" in failure
    assert "found 3 in the demo's record" in failure


def test_grants_asked_for_at_the_same_time_prove_nothing_about_each_other() -> None:
    assert certain(grant(0), grant(1)) == ["1", "1"]


def test_a_grant_answered_before_another_was_asked_for_counts_in_full() -> None:
    assert certain(grant(0), grant(1, asked_at=2, answered_at=3)) == ["1", "2"]


def test_what_may_have_been_given_back_by_then_does_not_count() -> None:
    cheap = {"usd": Decimal("0.25")}
    later = grant(1, asked_at=5, answered_at=6)
    assert certain(grant(0, reported_at=4, actual=cheap), later) == ["1", "1.25"]
    assert certain(grant(0, reported_at=7, actual=cheap), later) == ["1", "2"]


def test_what_was_released_by_then_does_not_count() -> None:
    later = grant(1, asked_at=5, answered_at=6)
    assert certain(grant(0, reported_at=4, outcome="release"), later) == ["1", "1"]


def test_a_hold_that_may_have_expired_does_not_count() -> None:
    later = grant(1, asked_at=5, answered_at=6)
    assert certain(grant(0, ttl_seconds=1), later) == ["1", "1"]


def test_an_overrun_counts_at_its_estimate_since_it_may_not_be_applied_yet() -> None:
    dear = {"usd": Decimal(5)}
    later = grant(1, asked_at=5, answered_at=6)
    assert certain(grant(0, reported_at=4, actual=dear), later) == ["1", "2"]


def test_a_balance_that_is_not_the_sum_of_its_ledger_is_found() -> None:
    wrong = replace(OBSERVED, balances=(replace(BALANCE, spent=Decimal("1.5")),))
    failure = the_failure(checks.ledger_agrees_with_counters([grant()], wrong))
    assert "expected 1 spent" in failure
    assert "found 1.5" in failure


def test_a_difference_that_the_service_finds_itself_is_found() -> None:
    wrong = replace(OBSERVED, audits=(replace(AUDIT, differences=("spent is 3, not 1",)),))
    assert "spent is 3, not 1" in the_failure(checks.ledger_agrees_with_counters([grant()], wrong))


def test_an_audit_that_misses_counters_is_found() -> None:
    wrong = replace(OBSERVED, audits=(replace(AUDIT, counters=0),))
    assert "at least 1 counters, found 0" in the_failure(
        checks.ledger_agrees_with_counters([grant()], wrong)
    )


def test_a_settlement_that_was_lost_is_found() -> None:
    failure = the_failure(
        checks.ledger_is_what_was_settled([grant()], replace(OBSERVED, ledger=()))
    )
    assert failure.endswith("expected 1 for rsv_0, found no entry")


def test_a_settlement_that_was_applied_twice_is_found() -> None:
    failure = the_failure(
        checks.ledger_is_what_was_settled([grant()], replace(OBSERVED, ledger=(LINE, LINE)))
    )
    assert failure.endswith("expected 1 for rsv_0, found 1 and 1")


def test_a_debit_that_nobody_asked_for_is_found() -> None:
    failure = the_failure(checks.ledger_is_what_was_settled([], OBSERVED))
    assert failure.endswith("expected no entry for rsv_0, found 1")


def test_a_release_that_was_debited_is_found() -> None:
    failure = the_failure(checks.ledger_is_what_was_settled([grant(outcome="release")], OBSERVED))
    assert failure.endswith("expected no entry for rsv_0, found 1")


def test_a_late_settlement_that_is_not_marked_is_found() -> None:
    endings = {"rsv_0": Ending("settled", late=False, overrun=False)}
    check = checks.reservations_say_how_they_ended(
        [grant(ttl_seconds=1)], replace(OBSERVED, endings=endings)
    )
    assert "late=True" in the_failure(check)


def test_a_hold_that_is_left_is_found() -> None:
    wrong = replace(OBSERVED, balances=(replace(BALANCE, held=Decimal("0.1")),))
    assert "expected 0 held, found 0.1" in the_failure(checks.nothing_is_held(wrong))


def test_a_dead_letter_of_this_run_is_found_but_not_one_from_before() -> None:
    assert checks.no_dead_letters(record(), before=1, after=1, waiting=0).holds
    assert "expected 1 messages, found 2" in the_failure(
        checks.no_dead_letters(record(), before=1, after=2, waiting=0)
    )


def test_a_message_that_still_waits_is_found() -> None:
    assert "expected 0 messages, found 4" in the_failure(
        checks.no_dead_letters(record(), before=0, after=0, waiting=4)
    )


def test_a_runaway_that_nobody_stopped_is_found() -> None:
    stopped_by_another = record(grant(), refusals=(refusal(("bud_2", "agent:a")),))
    check = checks.runaway_was_stopped(
        stopped_by_another, LIMITS, budget_id="bud_1", subject="agent:a"
    )
    assert "expected a refusal by bud_1, found none" in the_failure(check)


def test_a_runaway_that_spent_more_than_its_limit_is_found() -> None:
    seen = record(grant(0), grant(1), grant(2), refusals=(refusal(("bud_1", "agent:a")),))
    check = checks.runaway_was_stopped(seen, LIMITS, budget_id="bud_1", subject="agent:a")
    assert "expected at most 2 spent, found 3" in the_failure(check)


def usage_check(*, usd: str = "1", line: LedgerLine = LINE) -> checks.Check:
    """The check of the usage log, of which one group may differ; the ledger is the agent's."""
    usage = {"agent": {"a": {"usd": Decimal(1)}}, "model": {"gpt-4o": {"usd": Decimal(usd)}}}
    observed = replace(OBSERVED, ledger=(line,))
    return checks.usage_log_is_what_was_settled(
        [grant()], observed, usage, organization=COUNTER.subject
    )


def test_a_usage_log_that_misses_or_repeats_a_spend_is_found() -> None:
    assert usage_check().holds
    failures = usage_check(usd="2").failures
    assert len(failures) == 2
    assert all(failure.startswith("usage by model: expected 1 usd") for failure in failures)


def test_a_usage_log_that_is_not_the_ledger_of_the_organization_is_found() -> None:
    failures = usage_check(line=replace(LINE, amount=Decimal(3))).failures
    assert len(failures) == 2
    assert all(
        "expected 3 usd as in the ledger of the organization" in failure for failure in failures
    )
