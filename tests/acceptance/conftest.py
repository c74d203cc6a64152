"""The whole service on DynamoDB Local, with a clock that the tests move."""

from types import SimpleNamespace

import pytest

from spendgate import runtime
from spendgate.api import http
from spendgate.store.rules import RuleBook
from spendgate.store.table import Table
from tests.acceptance.service import Party, Service
from tests.fakes.clock import FakeClock
from tests.fakes.http_events import a_principal

MADE_ONCE = ("rule_book", "reservations", "balances", "settlements")


@pytest.fixture
def clock() -> FakeClock:
    """Noon in UTC on Sunday, 8 March 2026; it stands still until a test moves it."""
    return FakeClock()


@pytest.fixture
def service(local_table: Table, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Every function, with its cached rules, over one table and by one clock."""
    for name in MADE_ONCE:
        getattr(runtime, name).cache_clear()
    book = RuleBook(local_table, monotonic=clock.monotonic)
    monkeypatch.setattr(runtime, "table", lambda: local_table)
    monkeypatch.setattr(runtime, "rule_book", lambda: book)
    monkeypatch.setattr(runtime, "now_ms", clock.now_ms)
    monkeypatch.setattr(http, "time", SimpleNamespace(time_ns=lambda: clock.now_ms() * 1_000_000))
    return Service(clock)


@pytest.fixture
def acme(service: Service) -> Party:
    """A tenant with default settings, as its admin sees the service."""
    return tenant(service, "acme")


@pytest.fixture
def agent(acme: Party) -> Party:
    """The same for one agent of the tenant."""
    return acme.on(agent="a")


@pytest.fixture
def globex(service: Service) -> Party:
    """Another tenant."""
    return tenant(service, "globex")


def tenant(service: Service, tenant_id: str) -> Party:
    operator = Party(service, a_principal("operator", tenant_id="-"))
    operator.done("POST", "/v1/tenants", {"tenant_id": tenant_id})
    return Party(service, a_principal("admin", tenant_id=tenant_id, key_id=f"key_{tenant_id}"))
