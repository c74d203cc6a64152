"""Every exception has one status, code and type, and the headers that clients act on."""

from collections.abc import Iterator
from typing import Any

import pytest

from spendgate_service.api import exceptions
from spendgate_service.api.errors import PROBLEMS, error_to_response
from spendgate_service.domain import errors
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.reservations import Reservation, StoredState
from spendgate_service.store.errors import OutcomeUnknown, Throttled, Unavailable


def answer_of(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = error_to_response(error, request_id="req-1")
    assert isinstance(answer.body, dict)
    return answer.status, answer.body["error"], dict(answer.headers)


def violation(
    retry_after_seconds: int | None,
    subject: str = "agent:a",
    blocked_by: errors.BlockedBy = "spent",
) -> errors.Violation:
    return errors.Violation(
        budget_id="bud_1",
        name="daily",
        subject=subject,
        scope=subject.partition(":")[0],
        unit="usd",
        period_key="2026-03-01",
        period_label="day",
        resets_at=1_772_409_600,
        limit=10 * ONE,
        credits=5 * ONE,
        carried_in=0,
        spent=14 * ONE,
        held=ONE // 2,
        available=ONE // 2,
        grantable=ONE // 2,
        requested=2 * ONE,
        blocked_by=blocked_by,
        held_until=1_772_366_460 if blocked_by == "held" else None,
        retry_after_seconds=retry_after_seconds,
        could_grant_later=True,
    )


RESETS_AT = "2026-03-02T00:00:00.000Z"
NOT_TO_RETRY = {"x-should-retry": "false"}


def reservation(state: StoredState = "held") -> Reservation:
    return Reservation("rsv_1", (), {}, (), 1, 0, 1000, "f", state=state)


def test_budgets_that_all_reset_are_a_rate_limit_with_the_longest_wait() -> None:
    status, error, headers = answer_of(errors.BudgetExceeded([violation(60), violation(3600)]))

    assert (status, error["code"], error["type"]) == (429, "rate_limit_exceeded", "budget_exceeded")
    assert headers == {"Retry-After": "3600", **NOT_TO_RETRY}


@pytest.mark.parametrize(("seconds", "more"), [(1, {}), (60, {}), (61, NOT_TO_RETRY)])
def test_an_sdk_is_not_to_sleep_for_more_than_a_minute(seconds: int, more: dict[str, str]) -> None:
    _, _, headers = answer_of(errors.BudgetExceeded([violation(seconds)]))

    assert headers == {"Retry-After": str(seconds), **more}


def test_a_budget_that_never_resets_is_a_quota_and_not_to_be_retried() -> None:
    status, error, headers = answer_of(errors.BudgetExceeded([violation(60), violation(None)]))

    assert (status, error["code"], error["type"]) == (429, "insufficient_quota", "budget_exceeded")
    assert headers == {"x-should-retry": "false"}


def test_violations_stand_in_their_order_with_exact_amounts() -> None:
    _, error, _ = answer_of(
        errors.BudgetExceeded([violation(60, blocked_by="held"), violation(None, "session:s")])
    )

    assert [refusing["scope"] for refusing in error["violations"]] == [
        "agent",
        "session",
    ]
    assert error["violations"][0] == {
        "budget_id": "bud_1",
        "name": "daily",
        "subject": "agent:a",
        "scope": "agent",
        "unit": "usd",
        "period": {"type": "calendar", "key": "2026-03-01", "resets_at": RESETS_AT},
        "limit": "10",
        "credits": "5",
        "spent": "14",
        "held": "0.5",
        "available": "0.5",
        "requested": "2",
        "blocked_by": "held",
        "held_until": "2026-03-01T12:01:00.000Z",
        "retry_after_seconds": 60,
    }
    assert error["message"] == (
        'agent:a usd day budget "daily" has 0.5 of 10 + 5 credits left while 0.5 is held '
        'and 2 was asked for; session:s usd day budget "daily" has 0.5 of 10 + 5 credits left '
        "and 2 was asked for"
    )


def test_a_pause_names_its_budget_and_everything_that_refuses() -> None:
    paused = violation(None, blocked_by="pause")
    status, error, headers = answer_of(errors.BudgetPaused([paused]))

    assert (status, error["code"], error["budget_id"]) == (409, "budget_paused", "bud_1")
    assert [refusing["blocked_by"] for refusing in error["violations"]] == ["pause"]
    assert error["message"] == 'agent:a usd day budget "daily" is paused'
    assert headers == NOT_TO_RETRY


def test_a_pause_beside_a_shortage_does_not_decide_how_long_to_wait() -> None:
    refused = errors.BudgetExceeded([violation(None, blocked_by="pause"), violation(30)])
    status, error, headers = answer_of(refused)

    assert (status, error["code"], headers) == (429, "rate_limit_exceeded", {"Retry-After": "30"})
    assert [refusing["blocked_by"] for refusing in error["violations"]] == [
        "pause",
        "spent",
    ]


def test_a_token_cap_has_its_numbers_as_fields() -> None:
    cap = errors.TokenCapExceeded(subject="agent:a", kind="prompt", count=9, cap=8)
    _, error, _ = answer_of(cap)

    assert (error["kind"], error["requested"], error["cap"]) == ("prompt", 9, 8)


@pytest.mark.parametrize(
    ("ended", "code", "state"),
    [
        (
            errors.ReservationFinalized(reservation("settled"), why="."),
            "reservation_finalized",
            "settled",
        ),
        (errors.ReservationExpired(reservation(), why="."), "reservation_expired", "expired"),
    ],
)
def test_a_reservation_that_has_ended_is_shown_as_it_is(
    ended: errors.ReservationEnded, code: str, state: str
) -> None:
    status, error, headers = answer_of(ended)

    assert (status, error["code"], headers) == (409, code, NOT_TO_RETRY)
    assert error["reservation"]["reservation_id"] == "rsv_1"
    assert error["reservation"]["state"] == state


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (errors.IdempotencyConflict(), NOT_TO_RETRY),
        (errors.AlreadyExists("tenant", "acme"), NOT_TO_RETRY),
        (errors.BudgetChanged("agent:a"), {}),
    ],
)
def test_a_conflict_that_stays_is_not_to_be_retried(
    error: Exception, headers: dict[str, str]
) -> None:
    assert answer_of(error)[2] == headers


def test_an_invalid_value_names_its_field() -> None:
    status, error, _ = answer_of(errors.InvalidValue("too long", param="body.name"))

    assert (status, error["code"], error["param"]) == (422, "invalid_request", "body.name")


@pytest.mark.parametrize(
    "error",
    [Unavailable("later", retry_after_seconds=7), Throttled("later"), OutcomeUnknown("later")],
)
def test_an_unavailable_table_asks_to_come_back(error: Unavailable) -> None:
    status, body, headers = answer_of(error)

    assert (status, body["code"], body["type"]) == (503, "unavailable", "api_error")
    assert headers == {"Retry-After": str(error.retry_after_seconds)}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NoBudget(), 403, "no_budget"),
        (errors.UnknownPrice(provider="p", model="m"), 422, "unknown_price"),
        (errors.NotFound("budget", "bud_1"), 404, "not_found"),
        (errors.IdempotencyConflict(), 409, "idempotency_conflict"),
        (errors.AlreadyExists("tenant", "acme"), 409, "already_exists"),
        (errors.LastAdminKey("key_1"), 409, "last_admin_key"),
        (errors.BudgetChanged("agent:a"), 409, "budget_changed"),
        (exceptions.Forbidden(role="reader", roles=["admin"]), 403, "forbidden"),
    ],
)
def test_the_codes_are_those_of_the_interface(error: Exception, status: int, code: str) -> None:
    got_status, body, _ = answer_of(error)

    assert (got_status, body["code"]) == (status, code)
    assert set(body) - {"hint"} == {"code", "type", "message", "param"}
    assert ("hint" in body) == (code in {"no_budget", "unknown_price"})


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    subclasses = kind.__subclasses__()
    if not subclasses:
        yield kind
    for subclass in subclasses:
        yield from leaves(subclass)


def test_every_exception_that_a_caller_may_see_is_in_the_table() -> None:
    ours = {*leaves(errors.SpendgateError), *leaves(exceptions.RequestError)}

    missing = {kind for kind in ours if not any(parent in PROBLEMS for parent in kind.__mro__)} - {
        errors.BudgetExceeded
    }

    assert not missing
