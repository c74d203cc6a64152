"""The rules that need no connection: errors, retries, estimates, usage, subjects."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from spendgate import _retry, _subjects, errors, params
from spendgate._deliveries import Delivery, fallback, is_temporary
from spendgate._durations import about
from spendgate._outcomes import settlement_at
from spendgate._requests import actual_body, encode, request, spend_body
from spendgate.errors import status_error
from spendgate.estimators import (
    FILE_TOKENS,
    IMAGE_TOKENS,
    ByteEstimator,
    CallToEstimate,
    LearnedEstimator,
)
from spendgate.usage import Usage, usage_from_provider

_PARTS_OF_THE_OUTPUT = {"output_audio_tokens", "reasoning_tokens"}
"""A reservation holds the most that may be written."""


def refusal(code: str, kind: str = "invalid_request_error", **fields: Any) -> dict[str, Any]:
    return {"error": {"code": code, "type": kind, "message": "no", **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, refusal("rate_limit_exceeded", "budget_exceeded"), errors.BudgetExceeded),
        (429, refusal("insufficient_quota", "budget_exceeded"), errors.BudgetExceeded),
        (429, {"message": "Too Many Requests"}, errors.RateLimitError),
        (409, refusal("budget_paused"), errors.BudgetPaused),
        (403, refusal("no_budget"), errors.NoBudget),
        (403, refusal("forbidden"), errors.PermissionDeniedError),
        (400, refusal("token_cap_exceeded"), errors.TokenCapExceeded),
        (422, refusal("unknown_price"), errors.UnknownPrice),
        (409, refusal("reservation_finalized"), errors.ReservationFinalized),
        (409, refusal("reservation_expired"), errors.ReservationExpired),
        (409, refusal("idempotency_conflict"), errors.IdempotencyConflict),
        (409, refusal("a_code_of_tomorrow"), errors.ConflictError),
        (412, refusal("version_mismatch"), errors.VersionMismatch),
        (503, None, errors.InternalServerError),
        (418, None, errors.APIStatusError),
    ],
)
def test_an_error_response_becomes_its_typed_error(
    status: int, body: Any, kind: type[errors.APIStatusError]
) -> None:
    error = status_error(status, body, {"X-Request-Id": "req-1"})
    assert type(error) is kind
    assert error.status_code == status
    assert error.request_id == "req-1"


def test_a_5xx_is_unavailable_and_a_refusal_is_not() -> None:
    assert isinstance(status_error(500, None, {}), errors.Unavailable)
    assert not isinstance(
        status_error(429, refusal("x", "budget_exceeded"), {}), errors.Unavailable
    )


def test_an_error_survives_pickling() -> None:
    error = status_error(
        429, refusal("rate_limit_exceeded", "budget_exceeded"), {"Retry-After": "7"}
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.BudgetExceeded
    assert (str(copy), copy.retry_after, copy.code) == ("no", 7, "rate_limit_exceeded")


def test_the_public_message_has_no_figures_of_the_budget() -> None:
    error = status_error(
        429, refusal("rate_limit_exceeded", "budget_exceeded"), {"Retry-After": "47503"}
    )
    assert (
        error.public_message
        == "The budget for this request is used up. Try again in about 13 hours."
    )


@pytest.mark.parametrize(
    ("blocked_by", "why"),
    [(["held"], "held by calls in flight"), (["held", "spent"], "used up")],
)
def test_the_public_message_says_if_money_is_only_held(blocked_by: list[str], why: str) -> None:
    body = refusal("rate_limit_exceeded", "budget_exceeded")
    body["error"]["violations"] = [{"blocked_by": cause} for cause in blocked_by]
    error = status_error(429, body, {"Retry-After": "5"})
    assert error.public_message == (
        f"The budget for this request is {why}. Try again in about 5 seconds."
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 second"),
        (89, "89 seconds"),
        (91, "2 minutes"),
        (47_503, "13 hours"),
        (1e6, "12 days"),
    ],
)
def test_durations_are_said_roughly(seconds: float, text: str) -> None:
    assert about(seconds) == text


@pytest.mark.parametrize(
    ("status", "body", "headers", "again"),
    [
        (500, None, {}, True),
        (503, refusal("unavailable", "api_error"), {}, True),
        (503, None, {"x-should-retry": "false"}, False),
        (408, None, {}, True),
        (429, {"message": "Too Many Requests"}, {}, True),
        (429, refusal("rate_limit_exceeded", "budget_exceeded"), {}, False),
        (409, refusal("budget_paused"), {}, False),
        (422, refusal("unknown_price"), {}, False),
    ],
)
def test_only_what_may_change_is_repeated(
    status: int, body: Any, headers: dict[str, str], again: bool
) -> None:
    assert _retry.is_retryable(status, body, headers) is again


def test_pauses_have_full_jitter_and_a_bound() -> None:
    assert all(0 <= _retry.delay_seconds(attempt) <= 8 for attempt in range(20) for _ in range(50))
    assert len({_retry.delay_seconds(3) for _ in range(20)}) == 20
    assert 3 <= _retry.delay_seconds(0, {"retry-after": "3"}) <= 3.25
    assert _retry.delay_seconds(0, {"retry-after": "86400"}) <= 8.25


def call(body: dict[str, Any], most: int | None = None, agent: str = "a") -> CallToEstimate:
    return CallToEstimate("gpt-4o", body, most, agent)


def test_a_prompt_counts_by_its_bytes_not_its_letters() -> None:
    estimate = ByteEstimator().input_tokens(call({"input": "日本語のテキスト"}))
    assert estimate == 8  # 24 bytes


def test_base64_is_never_counted() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    file = {"type": "file", "file": {"file_data": "B" * 100_000}}
    body = {"messages": [{"role": "user", "content": [image, file]}]}
    assert IMAGE_TOKENS + FILE_TOKENS < ByteEstimator().input_tokens(call(body)) < 8_000


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "x" * 300_000},
        {"type": "content", "content": [{"type": "text", "text": "x" * 300_000}]},
        {"type": "of tomorrow", "data": "x" * 300_000},
    ],
    ids=lambda source: source["type"],
)
def test_a_document_of_text_counts_by_its_bytes(source: dict[str, Any]) -> None:
    body = {"messages": [{"content": [{"type": "document", "source": source}]}]}
    assert 100_000 <= ByteEstimator().input_tokens(call(body)) < 100_100


@pytest.mark.parametrize("kind", ["base64", "url", "file"])
def test_a_document_of_bytes_counts_a_constant_and_the_text_beside_it(kind: str) -> None:
    source = {"type": kind, "data": "B" * 100_000}
    document = {"type": "document", "source": source, "context": "x" * 3_000}
    body = {"messages": [{"content": [document]}]}
    assert 1_000 <= ByteEstimator().input_tokens(call(body)) - FILE_TOKENS < 1_100


def test_an_object_that_only_is_named_like_a_binary_part_counts_by_its_bytes() -> None:
    arguments = {"type": "image", "text": "x" * 300_000}
    body = {"messages": [{"content": [{"type": "tool_use", "input": arguments}]}]}
    assert ByteEstimator().input_tokens(call(body)) >= 100_000


def test_tools_and_schemas_count() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": "x" * 300}}]
    assert ByteEstimator().input_tokens(call({"input": "", "tools": tools})) > 100


def test_a_prompt_of_token_ids_counts_each() -> None:
    assert ByteEstimator(bytes_per_token=1).input_tokens(call({"input": [1, 2, 3]})) == 3


def test_the_output_is_the_maximum_or_the_default() -> None:
    assert ByteEstimator().output_tokens(call({}, 100)) == 100
    assert ByteEstimator().output_tokens(call({}, 0)) == 0
    assert ByteEstimator().output_tokens(call({})) == 4096


def test_the_learned_output_is_the_95th_percentile_and_never_above_the_maximum() -> None:
    estimator = LearnedEstimator()
    for output in range(1, 20):
        estimator.observe(call({}), output)
        assert estimator.output_tokens(call({}, 4096)) == 4096
    for output in range(20, 101):
        estimator.observe(call({}), output)
    assert estimator.output_tokens(call({}, 4096)) == 95
    assert estimator.output_tokens(call({}, 50)) == 50
    assert estimator.output_tokens(call({}, 4096, agent="another")) == 4096


def test_provider_usage_is_read_by_its_shape() -> None:
    chat = {
        "prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 150},
    }  # fmt: skip
    assert usage_from_provider("openai", "gpt-4o", chat) == Usage(
        provider="openai", model="gpt-4o", input_tokens=1000, cached_input_tokens=400,
        output_tokens=200, reasoning_tokens=150,
    )  # fmt: skip
    responses = {
        "input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200,
        "input_tokens_details": {"cached_tokens": 400},
    }  # fmt: skip
    assert usage_from_provider("openai", "gpt-5", responses) == Usage(
        provider="openai", model="gpt-5", input_tokens=1000, cached_input_tokens=400,
        output_tokens=200,
    )  # fmt: skip
    messages = {
        "input_tokens": 3, "cache_creation_input_tokens": 12304, "cache_read_input_tokens": 10,
        "output_tokens": 550, "cache_creation": {"ephemeral_1h_input_tokens": 12304},
    }  # fmt: skip
    assert usage_from_provider("anthropic", "claude-sonnet-4-6", messages) == Usage(
        provider="anthropic", model="claude-sonnet-4-6", input_tokens=12_317,
        cached_input_tokens=10, cache_write_tokens=12_304, cache_write_1h_tokens=12_304,
        output_tokens=550,
    )  # fmt: skip
    assert usage_from_provider("openai", "gpt-4o", None) is None


def test_a_usage_can_say_everything_that_the_service_takes() -> None:
    names = [field.name for field in fields(Usage)]
    values: dict[str, Any] = {name: number for number, name in enumerate(names, start=2)}
    every = Usage(**values)

    asked, spent = every.estimate_body(), every.actual_body()

    assert set(asked) == set(params.EstimatedUsage.__annotations__) - _PARTS_OF_THE_OUTPUT
    assert set(spent) == set(params.ActualUsage.__annotations__) - {"provider_usage"}
    assert {name: spent[name] for name in spent} == {name: getattr(every, name) for name in spent}


def test_only_kinds_of_tokens_that_were_used_are_sent() -> None:
    usage = Usage(provider="openai", model="gpt-4o", input_tokens=5, max_output_tokens=0)
    base = {"provider": "openai", "model": "gpt-4o", "input_tokens": 5}
    assert usage.actual_body() == {**base, "output_tokens": 0}
    assert usage.estimate_body() == {**base, "max_output_tokens": 0}
    part = replace(usage, max_output_tokens=9, min_output_tokens=3)
    assert part.estimate_body() == {**base, "max_output_tokens": 9, "min_output_tokens": 3}
    assert part.actual_body() == usage.actual_body()


def test_amounts_are_sent_exactly() -> None:
    body = spend_body({}, amounts={"usd": Decimal("1E-9"), "tokens": 3})
    assert encode(body) == b'{"subjects":{},"amounts":{"usd":"0.000000001","tokens":3}}'
    with pytest.raises(ValueError, match="not both"):
        actual_body(actual={"usd": 1}, usage=Usage(provider="p", model="m"))


def test_ids_are_encoded_in_paths() -> None:
    asked = request("GET", "prices", "together", "meta-llama/Llama 3", query={"a": None, "b": 1})
    assert asked.path == "/v1/prices/together/meta-llama%2FLlama%203?b=1"


def test_inner_subjects_win_and_the_header_wins_over_all() -> None:
    with _subjects.subjects_in_context(session="s-1", tool="outer"):
        with _subjects.subjects_in_context(tool="inner"):
            merged = _subjects.merged({"agent": "a", "tool": "client"}, header="session=s%2C2")
        assert _subjects.merged()["tool"] == "outer"
    assert merged == {"agent": "a", "tool": "inner", "session": "s,2"}
    assert _subjects.merged({"agent": None}) == {}
    with pytest.raises(errors.ConfigurationError, match="type=id"):
        _subjects.parse_header("tool")


def test_what_cannot_be_priced_is_reported_in_tokens() -> None:
    settle = Delivery("settle", "rsv_1", {"usage": {"model": "m"}, "ref_id": "r"}, tokens=7)
    instead = fallback(settle, status_error(422, refusal("unknown_price"), {}))
    assert instead is not None
    assert instead.body == {"actual": {"tokens": 7}, "ref_id": "r"}
    assert fallback(instead, status_error(422, refusal("unknown_price"), {})) is None
    assert fallback(settle, status_error(409, refusal("reservation_finalized"), {})) is None


def test_a_record_whose_moment_is_refused_counts_from_now() -> None:
    body = {"occurred_at": "2020-01-01T00:00:00.000+00:00", "usage": {"model": "m"}}
    refused = status_error(422, refusal("invalid_request", param="body.occurred_at"), {})
    instead = fallback(Delivery("record", "key", body, tokens=7), refused)
    assert instead is not None
    assert instead.body == {"usage": {"model": "m"}}
    assert fallback(replace(instead, body={}), refused) is None


def test_what_may_succeed_later_is_kept() -> None:
    assert is_temporary(errors.APIConnectionError("down"))
    assert is_temporary(status_error(503, None, {}))
    assert is_temporary(status_error(401, refusal("invalid_api_key"), {}))
    assert not is_temporary(status_error(409, refusal("reservation_finalized"), {}))


def test_a_queue_message_has_its_version_and_tenant() -> None:
    assert Delivery("settle", "rsv_1", {"actual": {"usd": "1"}}).message("acme") == (
        '{"version":1,"type":"settle","tenant_id":"acme","reservation_id":"rsv_1",'
        '"actual":{"usd":"1"}}'
    )
    assert '"event_id":"evt-1"' in Delivery("record", "evt-1").message("acme")


def test_a_long_id_of_a_response_is_cut_to_what_the_service_takes() -> None:
    """LiteLLM's proxy makes ids of 300 characters, and a refused settlement would be lost."""
    ref_id = settlement_at(None, "estimate", "resp_" + 300 * "x")["ref_id"]
    assert ref_id is not None
    assert len(ref_id) == 256
