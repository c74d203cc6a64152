"""Creates the objects that the sample events name, for the tenant `local`.

The ids in `events/` are fixed, so the budgets, reservations and the key are created with these ids,
once. The budget that refuses has less than any event requests, and nothing spends from it.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import cast

from local.bootstrap import TENANT_ID, StackFile
from local.emulator.account import aws_client
from spendgate_service.budgets.create import create_budget
from spendgate_service.domain.amounts import parse_amount
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import AlreadyExists, NotFound
from spendgate_service.domain.periods import NoPeriod, PeriodRule
from spendgate_service.domain.requests import Record, SpendRequest
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.domain.subjects import ORGANIZATION, Subject, parse_subject
from spendgate_service.domain.tenants import ApiKey, Tenant
from spendgate_service.reservations.reserve import Reservations
from spendgate_service.settlements.apply import Settlements
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.policies import find_budget
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.tenants.api_keys import IssuedKey, create_key
from spendgate_service.tenants.bearers import verify
from spendgate_service.tenants.tenants import create_tenant

KEY_ID = "key_00000000000000sampleevents"
# Not a secret: it is valid only for the tenant `local` of a stack on this machine.
BEARER = f"sg.{TENANT_ID}.{KEY_ID}.a-sample-that-only-the-local-stack-takes-xx"

GRANTING = "agent:sample-rich"
REFUSING = "agent:sample-broke"
CLOSING = "agent:sample-closing"
ESTIMATE = "0.05"
RESERVATION_KEYS = ("events-settle-over-http", "events-settle-from-queue")

_HOUR_MS = 3_600_000
_DAY_SECONDS = 86_400
_BUDGETS: tuple[tuple[str, str, str, PeriodRule], ...] = (
    ("bud_0000000000000samplegranted", GRANTING, "1000", NoPeriod()),
    ("bud_0000000000000samplerefused", REFUSING, "0.01", NoPeriod()),
    ("bud_0000000000000sampleclosing", CLOSING, "10", CalendarPeriod("hour")),
)


def seed(table: Table, *, now_ms: int) -> None:
    """Create what is missing; leave what exists unchanged."""
    with suppress(AlreadyExists):
        tenant = Tenant(TENANT_ID, created_at_ms=now_ms, updated_at_ms=now_ms)
        create_tenant(table, tenant, idempotency=None)
    if verify(table, BEARER) is None:
        key = ApiKey(KEY_ID, TENANT_ID, "caller", "sample events", now_ms)
        create_key(table, IssuedKey(key, BEARER), idempotency=None)
    for budget_id, subject, limit, period in _BUDGETS:
        try:
            find_budget(table, TENANT_ID, budget_id)
        except NotFound:
            budget = Budget(
                budget_id=budget_id,
                subject=parse_subject(subject),
                unit="usd",
                limit=parse_amount(limit),
                period=period,
                created_at_ms=now_ms,
                updated_at_ms=now_ms,
                name="sample of events/",
            )
            create_budget(table, TENANT_ID, budget, idempotency=None, now_ms=now_ms)
    _reserve(table, now_ms=now_ms)
    _spend_an_hour_ago(table, now_ms=now_ms)


def seed_stack(stack: StackFile) -> None:
    """Seed the running local stack."""
    client = cast("DynamoClient", aws_client("dynamodb", stack.aws_endpoint_url))
    seed(Table(client, stack.table_name), now_ms=time.time_ns() // 1_000_000)


def _reserve(table: Table, *, now_ms: int) -> None:
    """Reserve what the sample settlements settle; the ids follow from the idempotency keys."""
    with ThreadPoolExecutor(1) as pool:
        reservations = Reservations(table, PolicyCache(table), pool=pool, now_ms=lambda: now_ms)
        for key in RESERVATION_KEYS:
            request = SpendRequest(
                tenant_id=TENANT_ID,
                subjects=_subjects(GRANTING),
                amounts={"usd": parse_amount(ESTIMATE)},
                ttl_seconds=_DAY_SECONDS,
                fingerprint="events",
                idempotency_key=key,
            )
            reservations.reserve(request)


def _spend_an_hour_ago(table: Table, *, now_ms: int) -> None:
    """Spend in a period that has ended, so that the rollover has one to close."""
    then_ms = now_ms - _HOUR_MS - CLOSING_GRACE_SECONDS * 1000  # in an hour that can be closed
    settlements = Settlements(
        table,
        PolicyCache(table),
        now_ms=lambda: then_ms,
    )
    settlements.apply_one(
        Record(
            TENANT_ID,
            _subjects(CLOSING),
            {"usd": parse_amount("1")},
            fingerprint="events",
            idempotency_key=f"events-{then_ms // _HOUR_MS}",
        )
    )


def _subjects(agent: str) -> tuple[Subject, ...]:
    return Subject(ORGANIZATION, TENANT_ID), parse_subject(agent)
