"""The document says what the code does: the same routes, and answers that fit its schemas."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from spendgate_service.api.errors import error_to_response
from spendgate_service.api.openapi.document import document, response_components
from spendgate_service.api.openapi.operations import documented_path
from spendgate_service.api.openapi.schemas import Schema, ref
from spendgate_service.api.routes import ROUTES
from spendgate_service.domain.amounts import AMOUNT_MAX, ONE, amount_text
from spendgate_service.domain.budgets import CarryOver, TokenCap
from spendgate_service.domain.errors import BudgetExceeded, NotFound
from spendgate_service.domain.periods import DurationPeriod
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import ApiKey, Tenant
from spendgate_service.wire.balances import balance_response
from spendgate_service.wire.budgets import budget_response
from spendgate_service.wire.check import check_response
from spendgate_service.wire.credits import credit_response
from spendgate_service.wire.keys import key_created
from spendgate_service.wire.ledger import ledger_entry_response
from spendgate_service.wire.pages import page_response
from spendgate_service.wire.prices import price_response
from spendgate_service.wire.rates import rate_response
from spendgate_service.wire.reservations import reservation_granted, reservation_response
from spendgate_service.wire.spend import recorded_spend_response, spend_response
from spendgate_service.wire.statements import statement_response
from spendgate_service.wire.tenants import tenant_response
from spendgate_service.wire.token_caps import token_cap_response
from tests.support.api_requests import BALANCE, NOON_MS, STATEMENT, balance
from tests.support.prices import a_price
from tests.unit.api.test_answers import ENTRY, ON_ONE_BUDGET, RECORDED, RESERVATION, SUBJECTS

DOCUMENT: Any = json.loads(json.dumps(document()))
BUDGET = balance("10", "8.5", held="1")
EXCEEDED = BudgetExceeded([BUDGET.violation(ONE)])
PRICE = a_price("openai", "m", updated_at_ms=NOON_MS)
EVERYTHING = replace(
    BUDGET.budget, soft_limit=ONE, carry_over=CarryOver(unused=True), period=DurationPeriod(60)
)


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

    assert documented == {f"{route.method} {documented_path(route.path)}" for route in ROUTES}


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
    known = {
        f"#/components/{kind}/{name}"
        for kind, components in DOCUMENT["components"].items()
        for name in components
    }

    assert set(references(DOCUMENT)) <= known


def test_operation_ids_are_unique() -> None:
    ids = [
        operation["operationId"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
    ]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("AmountText", amount_text(0)),
        ("AmountText", amount_text(-ONE // 2)),
        ("AmountText", amount_text(-2 * AMOUNT_MAX)),
        ("Balance", balance_response(BUDGET)),
        ("Balance", balance_response(balance(period=BALANCE))),
        ("Budget", budget_response(BUDGET.budget, version=1)),
        ("Budget", budget_response(BUDGET.budget, version=1, balance=BUDGET)),
        ("Budget", budget_response(EVERYTHING, version=1)),
        ("Check", check_response([BUDGET])),
        ("Check", check_response([BUDGET], refusal=EXCEEDED, error_code="rate_limit_exceeded")),
        ("Credit", credit_response(ENTRY, BUDGET)),
        ("Error", error_to_response(BudgetExceeded([BUDGET.violation(ONE)]), request_id="r").body),
        ("Error", error_to_response(NotFound("budget", "bud_1"), request_id="r").body),
        ("Key", key_created(ApiKey("key_1", "acme", "caller", None, NOON_MS), secret="s")),
        ("LedgerEntry", ledger_entry_response(ENTRY)),
        ("Price", price_response(PRICE, table_date="2026-11-10")),
        ("Price", price_response(replace(PRICE, source="builtin"), table_date="2026-11-10")),
        ("Rate", rate_response(Rate("eur", "usd", ONE, NOON_MS))),
        (
            "RecordedSpend",
            recorded_spend_response(RECORDED),
        ),
        ("Reservation", reservation_response(RESERVATION, now_ms=NOON_MS)),
        (
            "ReservationGranted",
            {
                **reservation_granted(ON_ONE_BUDGET, [BUDGET]),
                "prices": {
                    "a/b": None,
                    "c/d": price_response(a_price(), table_date="2026-11-10"),
                },
                "budgeted_types": ["agent"],
            },
        ),
        ("Spend", spend_response(tenant_id="acme", subjects=SUBJECTS, balances=[BUDGET])),
        ("Statement", statement_response(STATEMENT)),
        ("Tenant", tenant_response(Tenant("acme"))),
        ("TokenCap", token_cap_response(Subject("agent", "*"), TokenCap(max_total_tokens=1))),
    ],
)
def test_an_answer_fits_its_schema(name: str, answer: object) -> None:
    fits(ref(name), answer)


def test_a_page_fits_its_schema() -> None:
    listed = DOCUMENT["paths"]["/v1/tenants"]["get"]["responses"]["200"]["content"]

    fits(
        listed["application/json"]["schema"],
        page_response([tenant_response(Tenant("acme"))], next_cursor="c"),
    )


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
        (
            "CreateBudgetBody",
            {
                "subject": "agent:*",
                "unit": "usd",
                "limit": 1,
                "period": {"type": "rolling", "window": "24h"},
            },
            True,
        ),
        ("CreditBody", {"amount": "5"}, True),
        ("PriceBody", {"input_per_million": 1, "output_per_million": "2.5"}, True),
        ("TokenCapBody", {"max_total_tokens": 100}, True),
    ],
)
def test_the_schema_of_a_body_says_what_the_model_takes(
    name: str, body: object, is_valid: bool
) -> None:
    schema = {**ref(name), "components": DOCUMENT["components"]}

    assert jsonschema_rs.is_valid(schema, body) == is_valid


def test_every_answer_schema_is_used() -> None:
    used = {target.rpartition("/")[2] for target in references(DOCUMENT)}

    assert response_components().keys() <= used


@pytest.mark.parametrize("name", sorted(response_components()))
def test_every_field_of_a_response_says_what_it_means(name: str) -> None:
    fields = DOCUMENT["components"]["schemas"][name].get("properties", {})

    assert [field for field, schema in fields.items() if not schema.get("description")] == []
