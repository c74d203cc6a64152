"""Bad input gets a 4xx in the one error shape, and the handler's work is never reached."""

import base64
import json
from contextlib import suppress
from time import process_time

import pytest

from spendgate_service.api.bodies.reserving import ReserveBody
from spendgate_service.api.exceptions import InvalidJson
from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.json_body import read_object
from tests.support.api_requests import answered, event

RESERVE = "POST /v1/reservations"


def reserve(call: Request[ReserveBody]) -> Response:
    return ok({"amounts": call.read_body().amounts})


def body_of(**fields: object) -> str:
    return json.dumps({"amounts": {"usd": "0.05"}, **fields})


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ("", 400, "invalid_json", None),
        ("   ", 400, "invalid_json", None),
        (None, 400, "invalid_json", None),
        ("{", 400, "invalid_json", None),
        ("hello", 400, "invalid_json", None),
        ('{"amounts":{"usd":NaN}}', 400, "invalid_json", None),
        ('{"amounts":{"usd":-Infinity}}', 400, "invalid_json", None),
        ('{"amounts":{"usd":1,"usd":2}}', 400, "invalid_json", None),
        ('{"amounts":{"usd":1e99999999999999999999}}', 400, "invalid_json", None),
        ('{"amounts":{"usd":1},"subjects":{"agent":"\\ud800"}}', 400, "invalid_json", None),
        ('{"amounts":{"usd":1},"\\udfff":1}', 400, "invalid_json", None),
        ("[" * 60_000, 400, "invalid_json", None),
        (body_of(metadata={"a": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}), 400, "invalid_json", None),
        ("x" * 2**20, 413, "request_too_large", None),
        ("é" * 40_000, 413, "request_too_large", None),
        ("[]", 422, "invalid_request", "body"),
        ("null", 422, "invalid_request", "body"),
        ("{}", 422, "invalid_request", "body"),
        ('{"amounts":{}}', 422, "invalid_request", "body"),
        ('{"amounts":{"usd":1e400}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":%s}}' % ("9" * 5000), 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":-1}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":"-0.01"}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":-0.0000000001}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":"-0.0000000001"}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":"1e2x"}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":true}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":null}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"usd":[1]}}', 422, "invalid_request", "body.amounts.usd"),
        ('{"amounts":{"USD":1}}', 422, "invalid_request", "body.amounts.USD"),
        ('{"amounts":"10"}', 422, "invalid_request", "body.amounts"),
        (body_of(subjects={"agent": "a" * 300}), 422, "invalid_request", "body.subjects.agent"),
        (body_of(subjects={"agent": ""}), 422, "invalid_request", "body.subjects.agent"),
        (body_of(subjects={"agent": "*"}), 422, "invalid_request", "body.subjects.agent"),
        (body_of(subjects={"agent": 7}), 422, "invalid_request", "body.subjects.agent"),
        (body_of(subjects={"agent": "a\u0000"}), 422, "invalid_request", "body.subjects.agent"),
        (body_of(subjects={"Agent": "a"}), 422, "invalid_request", "body.subjects.Agent"),
        (body_of(subjects={"api_key": "k"}), 422, "invalid_request", "body.subjects.api_key"),
        (
            body_of(subjects={f"type_{i}": "x" for i in range(11)}),
            422,
            "invalid_request",
            "body.subjects",
        ),
        (body_of(ttl_seconds=0), 422, "invalid_request", "body.ttl_seconds"),
        (body_of(ttl_seconds=86_401), 422, "invalid_request", "body.ttl_seconds"),
        (body_of(ttl_seconds=1.5), 422, "invalid_request", "body.ttl_seconds"),
        (body_of(ttl_seconds="300"), 422, "invalid_request", "body.ttl_seconds"),
        (body_of(ttl_seconds=True), 422, "invalid_request", "body.ttl_seconds"),
        (body_of(metadata={"a": "x" * 4096}), 422, "invalid_request", "body.metadata"),
        (body_of(metadata=["a"]), 422, "invalid_request", "body.metadata"),
        ('{"amounts":{"usd":1},"metadata":{"a":1e400}}', 422, "invalid_request", "body.metadata"),
        (body_of(unknown=1), 422, "invalid_request", "body.unknown"),
        (body_of(usage={"provider": "openai"}), 422, "invalid_request", "body.usage.model"),
        (
            body_of(usage={"provider": "p", "model": "m", "input_tokens": -1}),
            422,
            "invalid_request",
            "body.usage.input_tokens",
        ),
        (
            body_of(
                usage={"provider": "p", "model": "m", "input_tokens": 1, "cached_input_tokens": 2}
            ),
            422,
            "invalid_request",
            "body.usage",
        ),
    ],
)
def test_a_bad_body_is_refused_by_name(
    body: str | None, status: int, code: str, param: str | None
) -> None:
    got_status, headers, got = answered(event(RESERVE, body), reserve)

    assert got_status == status
    assert got["error"]["code"] == code
    assert got["error"]["param"] == param
    assert got["error"]["type"] == "invalid_request_error"
    assert got["error"]["message"]
    assert headers["x-request-id"] == "req-1"
    assert headers["content-type"] == "application/json"


def test_a_message_speaks_of_the_field_and_never_of_pydantic() -> None:
    _, _, got = answered(event(RESERVE, body_of(ttl_seconds=0, unknown={"a": 1})), reserve)

    assert got["error"]["message"] == "body.ttl_seconds: send 1 or more"
    assert "pydantic" not in json.dumps(got)


def test_a_base64_body_is_read_like_any_other() -> None:
    body = base64.b64encode(body_of().encode()).decode()

    status, _, got = answered(event(RESERVE, body, isBase64Encoded=True), reserve)

    assert (status, got) == (200, {"amounts": {"usd": 50_000_000}})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("not base64!", 400),
        (base64.b64encode(b'{"a":"\xff"}').decode(), 400),
        (base64.b64encode(b"x" * 2**20).decode(), 413),
        (base64.b64encode(b"x" * (64 * 1024 + 1)).decode(), 413),
    ],
)
def test_a_bad_base64_body_is_refused(body: str, status: int) -> None:
    got_status, _, _ = answered(event(RESERVE, body, isBase64Encoded=True), reserve)

    assert got_status == status


@pytest.mark.parametrize("ttl", ["300.0", "3e2", "3000e-1"])
def test_a_whole_number_may_be_written_with_a_point(ttl: str) -> None:
    def ttl_of(call: Request[ReserveBody]) -> Response:
        return ok({"ttl_seconds": call.read_body().ttl_seconds})

    body = f'{{"amounts":{{"usd":1}},"ttl_seconds":{ttl}}}'
    _, _, got = answered(event(RESERVE, body), ttl_of)

    assert got == {"ttl_seconds": 300}


def test_the_largest_body_and_the_deepest_metadata_are_accepted() -> None:
    deep: object = "x"
    for _ in range(14):
        deep = [deep]
    body = body_of(metadata={"deep": deep})
    padded = body + " " * (64 * 1024 - len(body))

    status, _, _ = answered(event(RESERVE, padded), reserve)

    assert status == 200


def test_a_name_that_comes_twice_among_thousands_is_found_about_as_fast_as_they_are_read() -> None:
    names = [f'"{number:x}":1' for number in range(6_000)]
    once, twice = (f"{{{','.join(pairs)}}}" for pairs in (names, [*names, names[-1]]))

    def seconds(body: str) -> float:
        start = process_time()
        with suppress(InvalidJson):
            read_object(body)
        return process_time() - start

    assert min(seconds(twice) for _ in range(3)) < 10 * min(seconds(once) for _ in range(3))
