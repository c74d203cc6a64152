"""Leases over HTTP and from the queue: the same totals, the same rules, the same numbers."""

import json
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.events.envelope import TTL_SERVICE, event_of
from spendgate_service.store import keys, values
from tests.support.clock import NOON_MS, FakeClock
from tests.support.functions import LambdaContext, LongContext, load_function
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("clock", "acme")


@pytest.fixture
def clock(app: Spendgate) -> FakeClock:
    app.clock = clock = FakeClock(NOON_MS)
    return clock


def leased(ask: Ask, limit: str = "10", amount: str = "5") -> str:
    """A lease on a new budget; its path."""
    ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "usd", "limit": limit})
    held = ask("POST", "/v1/reservations", {"subjects": {"agent": "a"}, "amounts": {"usd": amount}})
    assert held.status == 201
    return f"/v1/reservations/{held.body['reservation_id']}"


def balance(ask: Ask) -> tuple[str, str, str]:
    (budget,) = ask("GET", "/v1/spend", query={"agent": "a"}).body["budgets"]
    return budget["spent"], budget["held"], budget["available"]


def delivered(app: Spendgate, *messages: dict[str, Any]) -> dict[str, Any]:
    """Deliver messages as one batch; the response to SQS."""
    records = [
        {
            "messageId": str(number),
            "body": json.dumps({"version": 1, "tenant_id": "acme", **message}),
        }
        for number, message in enumerate(messages)
    ]
    handler = load_function("settle", app).handler
    answered: dict[str, Any] = handler({"Records": records}, LambdaContext())
    return answered


def test_a_lease_shows_what_was_granted_captured_returned_and_is_held(ask: Ask) -> None:
    lease = leased(ask)
    totals = {"actual": {"usd": "1.84"}, "returned": {"usd": "0.5"}}

    first, again = ask("POST", f"{lease}/capture", totals), ask("POST", f"{lease}/capture", totals)

    assert (first.status, again.status) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    shown = ask("GET", lease).body
    assert shown == first.body == again.body
    assert (shown["state"], shown["actual"]) == ("held", None)
    assert (shown["granted"], shown["captured"]) == ({"usd": "5"}, {"usd": "1.84"})
    assert (shown["returned"], shown["held"]) == ({"usd": "0.5"}, {"usd": "2.66"})
    assert balance(ask) == ("1.84", "2.66", "5.5")


def test_a_tail_of_a_total_is_rounded_up(ask: Ask) -> None:
    lease = leased(ask)

    captured = ask("POST", f"{lease}/capture", {"actual": {"usd": "0.0016150000000000001"}})

    assert captured.body["captured"] == {"usd": "0.001615001"}


def test_captures_of_the_queue_count_as_the_largest_with_their_neighbours(
    app: Spendgate, ask: Ask
) -> None:
    lease = leased(ask)
    message = {"type": "capture", "reservation_id": lease.rpartition("/")[2]}

    answered = delivered(
        app,
        {**message, "actual": {"usd": "1"}},
        {**message, "actual": {"usd": "3"}},
        {"type": "record", "event_id": "e", "subjects": {"agent": "a"}, "actual": {"usd": "1"}},
        {**message, "actual": {"usd": "2"}},
    )

    assert answered == {"batchItemFailures": []}
    assert balance(ask) == ("4", "2", "4")
    records = ask("GET", "/v1/usage/records", query={"agent": "a"}).body["data"]
    assert sorted(record["amounts"]["usd"] for record in records) == ["1", "3"]


def test_the_end_of_a_lease(ask: Ask) -> None:
    lease = leased(ask)
    ask("POST", f"{lease}/capture", {"actual": {"usd": "2"}})

    below = ask("POST", f"{lease}/settle", {"actual": {"usd": "1"}})
    assert (below.status, below.body["error"]["param"]) == (422, "body.actual.usd")
    settled = ask("POST", f"{lease}/settle", {"actual": {"usd": "3"}})
    assert (settled.body["state"], settled.body["held"]) == ("settled", {"usd": "0"})
    older = ask("POST", f"{lease}/capture", {"actual": {"usd": "2.5"}})
    assert (older.status, older.body) == (200, settled.body)
    above = ask("POST", f"{lease}/capture", {"actual": {"usd": "3.1"}})
    assert (above.status, above.code) == (409, "reservation_finalized")
    assert balance(ask) == ("3", "0", "7")


def test_the_event_of_its_expiry_names_what_was_captured_and_what_was_not(
    app: Spendgate, ask: Ask
) -> None:
    lease = leased(ask)
    ask("POST", f"{lease}/capture", {"actual": {"usd": "2"}, "returned": {"usd": "1"}})
    key = values.key(keys.reservation_key("acme", lease.rpartition("/")[2]))

    event = event_of(
        {
            "eventName": "REMOVE",
            "userIdentity": {"type": "Service", "principalId": TTL_SERVICE},
            "dynamodb": {"Keys": key, "OldImage": app.table.get(key)},
        }
    )

    assert event is not None and event.event_type == "reservation.expired"
    assert (event.says["captured"], event.says["uncaptured"]) == ({"usd": "2"}, {"usd": "2"})


def test_a_lease_grows_and_shows_its_budgets(ask: Ask) -> None:
    lease = leased(ask)
    ask("POST", f"{lease}/capture", {"actual": {"usd": "2"}})

    grown = ask("POST", f"{lease}/extend", {"ttl_seconds": 600, "amounts": {"usd": "8"}})
    again = ask("POST", f"{lease}/extend", {"amounts": {"usd": "8"}})

    assert (grown.status, again.status) == (200, 200)
    assert (grown.body["granted"], grown.body["held"]) == ({"usd": "8"}, {"usd": "6"})
    (budget,) = grown.body["budgets"]
    assert (budget["available"], budget["held"]) == ("2", "6")
    assert again.body["budgets"] == []
    assert balance(ask) == ("2", "6", "2")


def test_a_lease_that_does_not_fit_is_refused_like_a_reservation(ask: Ask) -> None:
    lease = leased(ask)

    refused = ask("POST", f"{lease}/extend", {"amounts": {"usd": "10.5"}})

    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.body["error"]["violations"][0]["requested"] == "5.5"
    (row,) = ask("GET", "/v1/refusals").body["data"]
    assert row["code"] == "rate_limit_exceeded"
    unknown = ask("POST", f"{lease}/extend", {"amounts": {"eur": "1"}})
    assert (unknown.status, unknown.body["error"]["param"]) == (422, "body.amounts.eur")
    assert ask("POST", f"{lease}/extend", {}).status == 422


def test_responses_carry_prices_and_the_types_that_budgets_have(ask: Ask) -> None:
    usage = {"provider": "openai", "model": "GPT-4o", "input_tokens": 10, "max_output_tokens": 10}
    wish = {
        "subjects": {"agent": "a"}, "usage": usage,
    }  # fmt: skip
    models = ["anthropic/claude-sonnet-4-5", "openai/unheard-of"]
    lease = leased(ask)

    key = {"idempotency-key": "k"}
    first = ask("POST", "/v1/reservations", {**wish, "models": models}, headers=key)
    replay = ask("POST", "/v1/reservations", wish, headers=key)
    extended = ask("POST", f"{lease}/extend", {"ttl_seconds": 60, "models": models})

    assert (first.status, replay.status, extended.status) == (201, 200, 200)
    prices = first.body["prices"]
    assert list(prices) == ["openai/GPT-4o", *models]
    assert prices["openai/GPT-4o"] == ask("GET", "/v1/prices/openai/GPT-4o").body
    assert prices["openai/unheard-of"] is None
    assert list(replay.body["prices"]) == ["openai/GPT-4o"]
    assert extended.body["prices"] == {name: prices[name] for name in models}
    assert first.body["budgeted_types"] == extended.body["budgeted_types"] == ["agent"]


def test_entries_are_lines_of_the_usage_log_and_add_up_to_the_capture(ask: Ask) -> None:
    lease = leased(ask)
    gathered = {
        "amounts": {"usd": "1.5"}, "calls": 12, "subjects": {"session": "s", "agent": "other"},
        "usage": {"provider": "openai", "model": "gpt-4o", "input_tokens": 900},
    }  # fmt: skip
    single = {
        "amounts": {"usd": "0.25"}, "ref_type": "generation", "ref_id": "g-1",
        "metadata": {"trace": "t"},
    }  # fmt: skip

    ask("POST", f"{lease}/capture", {"actual": {"usd": "2"}, "entries": [gathered, single]})

    records = ask("GET", "/v1/usage/records", query={"agent": "a"}).body["data"]
    by_amount = {record["amounts"]["usd"]: record for record in records}
    assert by_amount.keys() == {"1.5", "0.25"}
    assert len(records) == 3
    many = by_amount["1.5"]
    assert (many["calls"], many["model"], many["priced_by"]) == (12, "gpt-4o", None)
    assert many["subjects"] == {"agent": "a", "session": "s", "model": "gpt-4o"}
    assert many["usage"]["input_tokens"] == 900
    assert [record["ref_id"] for record in records if record["ref_id"]] == ["g-1"]
    shares = [share["amount"] for record in records for share in record["budgets"]]
    assert sorted(shares) == ["0.25", "0.25", "1.5"]
    assert balance(ask) == ("2", "3", "5")


def test_sums_are_compared_before_they_are_rounded(ask: Ask) -> None:
    lease = leased(ask)
    tiny = {"amounts": {"usd": "0.00000000025"}, "ref_id": "r"}

    body = {"actual": {"usd": "0.000000001"}, "entries": [tiny] * 4}
    assert ask("POST", f"{lease}/capture", body).status == 200

    records = ask("GET", "/v1/usage/records", query={"agent": "a"}).body["data"]
    assert [record["ref_id"] for record in records] == ["r"] * 4
    amounts = [share["amount"] for record in records for share in record["budgets"]]
    assert amounts == ["0.000000001"], "what was counted, once"


def test_a_hundred_entries_fit_and_no_more(ask: Ask) -> None:
    lease = leased(ask)
    entry = {"amounts": {"usd": "0.01"}, "metadata": {"note": "x" * 490}}

    full = {"actual": {"usd": "1.5"}, "entries": [entry] * 100}
    assert ask("POST", f"{lease}/capture", full).status == 200
    for refused in (
        {**full, "actual": {"usd": "2"}, "entries": [entry] * 101},
        {"actual": {"usd": "2"}, "entries": [{**entry, "metadata": {"note": "x" * 512}}]},
    ):
        assert ask("POST", f"{lease}/capture", refused).status == 422
    day = ask("GET", "/v1/usage", query={"agent": "a"}).body["data"]
    assert [row["amounts"] for row in day] == [{"usd": "1.5"}]


def test_a_lease_that_is_charged_on_its_expiry(app: Spendgate, ask: Ask, clock: FakeClock) -> None:
    ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "usd", "limit": "10"})
    wish = {
        "subjects": {"agent": "a"}, "amounts": {"usd": "5"}, "ttl_seconds": 10,
        "on_expiry": "charge",
    }  # fmt: skip
    lease = f"/v1/reservations/{ask('POST', '/v1/reservations', wish).body['reservation_id']}"
    ask("POST", f"{lease}/capture", {"actual": {"usd": "1"}})
    clock.advance(60)
    assert balance(ask) == ("1", "4", "5")

    load_function("rollover", app).handler({}, LongContext())

    shown = ask("GET", lease).body
    assert (shown["state"], shown["on_expiry"], shown["charged"]) == ("expired", "charge", True)
    assert balance(ask) == ("5", "0", "5")
    records = ask("GET", "/v1/usage/records", query={"agent": "a"}).body["data"]
    assert [record["description"] for record in records if record["amounts"] == {"usd": "4"}] == [
        "charged when the hold expired"
    ]
    ask("POST", f"{lease}/settle", {"actual": {"usd": "2"}})
    assert balance(ask) == ("2", "0", "8")


def test_a_capture_says_something(ask: Ask) -> None:
    assert ask("POST", f"{leased(ask)}/capture", {}).status == 422
