"""The authorizer: a bearer becomes a principal."""

from types import ModuleType
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled
from spendgate_service.tenants.__main__ import create_operator_key
from spendgate_service.tenants.api_keys import create_key, new_key, revoke_key
from tests.support.functions import LambdaContext, load_function
from tests.support.http_events import authorizer_event

NOW_MS = 1_772_971_200_000


@pytest.fixture
def authorizer(app: Spendgate) -> ModuleType:
    return load_function("authorizer", app)


def context_for(authorizer: ModuleType, authorization: str | None) -> dict[str, Any]:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = authorizer.handler(authorizer_event(headers), LambdaContext())
    assert answer["isAuthorized"] is True
    context: dict[str, Any] = answer["context"]
    return context


def test_a_valid_key_becomes_its_principal(authorizer: ModuleType, memory_table: Table) -> None:
    issued = new_key("acme", "caller", name=None, now_ms=NOW_MS)
    create_key(memory_table, issued, idempotency=None)

    assert context_for(authorizer, f"Bearer {issued.bearer}") == {
        "tenant_id": "acme",
        "key_id": issued.key.key_id,
        "role": "caller",
    }


def test_the_word_bearer_is_read_in_any_case(authorizer: ModuleType, memory_table: Table) -> None:
    bearer = create_operator_key(memory_table, NOW_MS)

    assert context_for(authorizer, f"bearer  {bearer}")["role"] == "operator"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer sg.acme.key_x.y", "sg.a.b.c"],
)
def test_anything_else_becomes_nobody_and_is_not_denied(
    authorizer: ModuleType, authorization: str | None
) -> None:
    assert context_for(authorizer, authorization) == {"error": "invalid_api_key"}


def test_a_revoked_key_becomes_nobody_at_once(authorizer: ModuleType, memory_table: Table) -> None:
    issued = new_key("acme", "caller", name=None, now_ms=NOW_MS)
    create_key(memory_table, issued, idempotency=None)
    assert "role" in context_for(authorizer, f"Bearer {issued.bearer}")

    revoke_key(memory_table, "acme", issued.key.key_id, now_ms=0)

    assert context_for(authorizer, f"Bearer {issued.bearer}") == {"error": "invalid_api_key"}


def test_a_table_that_does_not_answer_makes_no_key_invalid(
    authorizer: ModuleType, memory_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = create_operator_key(memory_table, NOW_MS)

    def throttled(*_arguments: object, **_named: object) -> None:
        raise Throttled("no")

    monkeypatch.setattr(memory_table, "get", throttled)

    with pytest.raises(Throttled):
        context_for(authorizer, f"Bearer {bearer}")
