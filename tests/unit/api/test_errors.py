"""Every exception has one status, code and type, and the headers that clients act on."""

from collections.abc import Iterator
from typing import Any

import pytest

from spendgate_service.api import exceptions
from spendgate_service.api.errors import PROBLEMS, error_to_response
from spendgate_service.domain import errors
from spendgate_service.domain.amounts import ONE
from spendgate_service.store.errors import OutcomeUnknown, Throttled, Unavailable


def answer_of(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]]:
    answer = error_to_response(error, request_id="req-1")
    assert isinstance(answer.body, dict)
    return answer.status, answer.body["error"], dict(answer.headers)


def violation(retry_after_seconds: int | None, subject: str = "agent:a") -> errors.Violation:
    return errors.Violation(
        budget_id="bud_1",
        subject=subject,
        scope=subject.partition(":")[0],
        unit="usd",
        limit=10 * ONE,
        spent=9 * ONE,
        held=ONE // 2,
        available=ONE // 2,
        requested=ONE,
        retry_after_seconds=retry_after_seconds,
    )


def test_budgets_that_all_reset_are_a_rate_limit_with_the_longest_wait() -> None:
    status, error, headers = answer_of(errors.BudgetExceeded([violation(60), violation(3600)]))

    assert (status, error["code"], error["type"]) == (429, "rate_limit_exceeded", "budget_exceeded")
    assert headers == {"Retry-After": "3600"}


def test_a_budget_that_never_resets_is_a_quota_and_not_to_be_retried() -> None:
    status, error, headers = answer_of(errors.BudgetExceeded([violation(60), violation(None)]))

    assert (status, error["code"], error["type"]) == (429, "insufficient_quota", "budget_exceeded")
    assert headers == {"x-should-retry": "false"}


def test_violations_stand_in_their_order_with_exact_amounts() -> None:
    _, error, _ = answer_of(errors.BudgetExceeded([violation(60), violation(None, "session:s")]))

    assert [one["scope"] for one in error["violations"]] == ["agent", "session"]
    assert error["violations"][0] == {
        "budget_id": "bud_1",
        "subject": "agent:a",
        "scope": "agent",
        "unit": "usd",
        "limit": "10",
        "spent": "9",
        "held": "0.5",
        "available": "0.5",
        "requested": "1",
        "retry_after_seconds": 60,
    }


def test_a_pause_names_its_budget() -> None:
    status, error, _ = answer_of(errors.BudgetPaused(budget_id="bud_1", subject="agent:a"))

    assert (status, error["code"], error["budget_id"]) == (409, "budget_paused", "bud_1")


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
        (errors.ReservationFinalized("rsv_1", why="was released"), 409, "reservation_finalized"),
        (errors.AlreadyExists("tenant", "acme"), 409, "already_exists"),
        (errors.LastAdminKey("key_1"), 409, "last_admin_key"),
        (errors.BudgetChanged("agent:a"), 409, "budget_changed"),
        (exceptions.Forbidden(role="reader", roles=["admin"]), 403, "forbidden"),
    ],
)
def test_the_codes_are_those_of_the_interface(error: Exception, status: int, code: str) -> None:
    got_status, body, _ = answer_of(error)

    assert (got_status, body["code"]) == (status, code)
    assert set(body) == {"code", "type", "message", "param"}


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
