"""The authorizer takes whatever a request brings: it never raises, and nobody becomes somebody."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from spendgate_service.tenants.__main__ import create_operator_key
from spendgate_service.tenants.api_keys import create_key, new_key
from tests.support.examples import examples
from tests.support.functions import LambdaContext, load_function
from tests.support.http_events import authorizer_event

NOW_MS = 1_772_971_200_000
NOBODY = {"isAuthorized": True, "context": {"error": "invalid_api_key"}}

FUZZED = settings(
    max_examples=examples(100),
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = st.sampled_from(
    ["authorization", "Authorization", "AUTHORIZATION", "authorization ", "x-api-key", "cookie"]
)
JUNK = st.text(max_size=40) | st.sampled_from(
    ["Bearer", "Bearer ", "bearer\t", "Bearer sg", "Bearer sg....", "Bearer " + "sg." * 9_000]
)


@pytest.fixture
def authorizer(app: Spendgate) -> ModuleType:
    return load_function("authorizer", app)


@pytest.fixture
def bearers(memory_table: Table) -> list[str]:
    """Keys that are good: those of two tenants and the operator's."""
    issued = [new_key(name, "admin", name=None, now_ms=NOW_MS) for name in ("acme", "acme.2")]
    for key in issued:
        create_key(memory_table, key, idempotency=None)
    return [*(key.bearer for key in issued), create_operator_key(memory_table, NOW_MS)]


def answer_to(authorizer: ModuleType, event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = authorizer.handler(event, LambdaContext())
    return answer


@FUZZED
@given(headers=st.dictionaries(NAMES | st.text(max_size=12), JUNK, max_size=4))
@example(headers={"authorization": "Bearer sg.acme.key_\u0660" + "0" * 25 + "." + "a" * 43})
@example(headers={"authorization": "Bearer sg.a#b.key_" + "0" * 26 + "." + "a" * 43})
@example(headers={"authorization": "Bearer sg.-.key_" + "0" * 26 + "." + "a" * 43})
@example(headers={"authorization": "Bearer sg.acme.key_" + "0" * 26 + "." + "a" * 43 + "\n"})
def test_what_is_no_key_is_nobody(authorizer: ModuleType, headers: dict[str, str]) -> None:
    assert answer_to(authorizer, authorizer_event(headers)) == NOBODY
    assert answer_to(authorizer, {"headers": headers}) == NOBODY


@pytest.mark.parametrize("event", [{}, {"headers": None}, {"headers": {}}, {"type": "TOKEN"}])
def test_an_event_without_headers_is_nobody(authorizer: ModuleType, event: Any) -> None:
    assert answer_to(authorizer, event) == NOBODY


@FUZZED
@given(data=st.data())
def test_a_key_that_is_altered_anywhere_is_nobody(
    authorizer: ModuleType, bearers: list[str], data: st.DataObject
) -> None:
    """Another tenant, another id, another secret, a letter more or less: none opens a door."""
    bearer = data.draw(st.sampled_from(bearers))
    start = data.draw(st.integers(0, len(bearer)))
    end = data.draw(st.integers(start, len(bearer)))
    other = data.draw(st.sampled_from(bearers))
    piece = data.draw(st.text(max_size=3) | st.just(other[start:end]))
    altered = bearer[:start] + piece + bearer[end:]
    header = {"authorization": f"Bearer {altered}"}

    answer = answer_to(authorizer, authorizer_event(header))

    if altered.strip() in bearers:
        assert answer["context"]["tenant_id"] == altered.strip().split(".key_")[0][3:]
    else:
        assert answer == NOBODY
