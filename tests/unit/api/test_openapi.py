"""The document says what the code does: the same routes, and answers that fit its schemas."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from spendgate.api.admin_answers import budget_answer, key_answer, page_answer, tenant_answer
from spendgate.api.answers import (
    balance_answer,
    ledger_entry_answer,
    record_answer,
    reservation_answer,
    reservation_granted,
    spend_answer,
)
from spendgate.api.check_answer import check_answer
from spendgate.api.errors import error_answer
from spendgate.api.openapi import OPERATIONS, document
from spendgate.api.openapi_schemas import ANSWER_SCHEMAS, Schema, page_of, ref
from spendgate.api.routes import ROUTES
from spendgate.domain.amounts import ONE
from spendgate.domain.errors import BudgetExceeded, NotFound
from spendgate.domain.settlements import RecordedSpend
from spendgate.domain.tenants import ApiKey, Tenant
from tests.unit.api.support import BALANCE, NOON_MS, balance
from tests.unit.api.test_answers import ENTRY, RESERVATION, SUBJECTS

DOCUMENT: Any = json.loads(json.dumps(document()))
BUDGET = balance("10", "8.5", held="1")


def fits(schema: Schema, value: object) -> None:
    closed = {
        name: {**one, "additionalProperties": False} if "properties" in one else one
        for name, one in DOCUMENT["components"]["schemas"].items()
    }
    whole = {**schema, "components": {"schemas": closed}}
    jsonschema_rs.Draft202012Validator(whole).validate(json.loads(json.dumps(value)))


def test_routes_and_operations_are_the_same_set() -> None:
    documented = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }

    assert documented == set(OPERATIONS) == {route.key for route in ROUTES}


def references(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(target)}:
            yield target
        case dict():
            for inner in node.values():
                yield from references(inner)
        case list():
            for inner in node:
                yield from references(inner)


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    assert set(references(DOCUMENT)) <= known


def test_operation_ids_are_unique() -> None:
    ids = [one["operationId"] for path in DOCUMENT["paths"].values() for one in path.values()]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("Balance", balance_answer(BUDGET)),
        ("Balance", balance_answer(balance(period=BALANCE))),
        ("Budget", budget_answer(BUDGET.budget, version=1)),
        ("Budget", budget_answer(BUDGET.budget, version=1, balance=BUDGET)),
        ("Check", check_answer([BUDGET])),
        ("Check", check_answer([BUDGET], refusal=BudgetExceeded([BUDGET.violation(ONE)]))),
        ("Error", error_answer(BudgetExceeded([BUDGET.violation(ONE)]), request_id="r").body),
        ("Error", error_answer(NotFound("budget", "bud_1"), request_id="r").body),
        ("Key", key_answer(ApiKey("key_1", "acme", "caller", None, NOON_MS), secret="s")),
        ("LedgerEntry", ledger_entry_answer(ENTRY)),
        ("RecordedSpend", record_answer(RecordedSpend(SUBJECTS, {"usd": ONE}, (ENTRY,), NOON_MS))),
        ("Reservation", reservation_answer(RESERVATION, now_ms=NOON_MS)),
        ("ReservationGranted", reservation_granted(RESERVATION, [BUDGET])),
        ("Spend", spend_answer(tenant_id="acme", subjects=SUBJECTS, balances=[BUDGET])),
        ("Tenant", tenant_answer(Tenant("acme"))),
    ],
)
def test_an_answer_fits_its_schema(name: str, answer: object) -> None:
    fits(ref(name), answer)


def test_a_page_fits_its_schema() -> None:
    fits(page_of(ref("Tenant")), page_answer([tenant_answer(Tenant("acme"))], next_cursor="c"))


@pytest.mark.parametrize(
    ("name", "body", "is_valid"),
    [
        ("ReserveBody", {"amounts": {"usd": "0.05"}, "subjects": {"agent": "a"}}, True),
        ("ReserveBody", {"amounts": {"usd": 0.05, "tokens": 1500}}, True),
        ("ReserveBody", {"amounts": {"usd": "-1"}}, False),
        ("ReserveBody", {"amounts": {"usd": 1}, "unknown": 1}, False),
        ("SettleBody", {}, True),
        ("CreateBudgetBody", {"subject": "agent:*", "unit": "usd", "limit": "10"}, True),
        ("CreateBudgetBody", {"subject": "agent:*", "unit": "usd"}, False),
    ],
)
def test_the_schema_of_a_body_says_what_the_model_takes(
    name: str, body: object, is_valid: bool
) -> None:
    schema = {**ref(name), "components": DOCUMENT["components"]}

    assert jsonschema_rs.is_valid(schema, body) == is_valid


def test_every_answer_schema_is_used() -> None:
    used = {target.rpartition("/")[2] for target in references(DOCUMENT)}

    assert set(ANSWER_SCHEMAS) <= used
