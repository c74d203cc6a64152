"""API Gateway events and domain values for the tests of the interface."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.dispatch import handle
from spendgate_service.api.json_body import read_object
from spendgate_service.api.route import Handler
from spendgate_service.api.routes import ROUTE_BY_KEY
from spendgate_service.api.validation import read_model
from spendgate_service.app import Spendgate
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import NoPeriod, Period, PeriodRule, period_in_force
from spendgate_service.domain.statements import Statement, StoredStatement
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.domain.tenants import Role
from spendgate_service.store.client import Table
from tests.support.clock import FakeClock

NOON_MS = 1_772_366_400_250  # 2026-03-01T12:00:00.250Z
DAY = CalendarPeriod("day")
BALANCE = NoPeriod()


def read[M: Body](model: type[M], text: str) -> M:
    return read_model(model, read_object(text))


def refused_param[M: Body](model: type[M], text: str) -> str | None:
    with pytest.raises(InvalidValue) as refused:
        read(model, text)
    return refused.value.param


def event(
    route_key: str,
    body: str | None = None,
    *,
    role: Role | None = "caller",
    authorizer: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """An event as API Gateway sends it for a route; without a role nobody was recognised."""
    method, _, path = route_key.partition(" ")
    known = {"tenant_id": "acme", "key_id": "key_1", "role": role} if role else {"error": "unknown"}
    return {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {},
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": "req-1",
            "http": {"method": method, "path": path},
            "authorizer": {"lambda": known if authorizer is None else authorizer},
        },
        **fields,
    }


def app_at_noon() -> Spendgate:
    """A service whose table is not to be used, at noon."""
    return Spendgate(cast("Table", None), clock=FakeClock(NOON_MS))


def answered(one_event: dict[str, Any], handler: Handler[Any]) -> tuple[int, dict[str, Any], Any]:
    """Status, headers (by lower-case name) and body of the answer to an event."""
    key = one_event["routeKey"]
    routes = {key: replace(ROUTE_BY_KEY[key], handler=handler)} if key in ROUTE_BY_KEY else {}
    answer: Any = handle(one_event, routes, app_at_noon())
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    return answer["statusCode"], headers, json.loads(answer["body"]) if answer["body"] else None


def balance(
    limit: str = "10",
    spent: str = "0",
    *,
    subject: str = "agent:researcher",
    unit: str = "usd",
    period: PeriodRule = DAY,
    held: str = "0",
    budget_id: str = "bud_1",
) -> Balance:
    """The balance of a budget at noon, in whole units and up to two digits after the point."""
    most, gone, on_hold = (round(float(text) * 100) * ONE // 100 for text in (limit, spent, held))
    holds = {NOON_MS // 1000 + 300: on_hold} if on_hold else {}
    return Balance(
        budget=Budget(
            budget_id=budget_id,
            subject=parse_subject(subject),
            unit=unit,
            limit=most,
            period=period,
            created_at_ms=NOON_MS,
            updated_at_ms=NOON_MS,
        ),
        subject=parse_subject(subject),
        period=period_in_force(period, now_ms=NOON_MS),
        counter=Counter(
            limit=most, spent=gone, available=most - gone - on_hold, version=1, holds=holds
        ),
        now_ms=NOON_MS,
    )


STATEMENT = StoredStatement(
    statement_id="stm_2",
    corrects="stm_1",
    is_current=True,
    budget_id="bud_1",
    subject=parse_subject("agent:researcher"),
    unit="usd",
    statement=Statement(
        revision=2,
        period=Period("2026-02-28", starts_at=1_772_236_800, ends_at=1_772_323_200),
        limit=10 * ONE,
        credits=3 * ONE,
        carried_in=-ONE,
        spent=13 * ONE,
        held=0,
        carried_out=-ONE,
        closed_at_ms=NOON_MS,
    ),
)
