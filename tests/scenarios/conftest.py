"""The whole service, with a clock that the tests move."""

import pytest

from tests.scenarios.service import Party, Service, tenant
from tests.support.any_engine import NewTable
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Noon in UTC on Sunday, 8 March 2026; it stands still until a test moves it."""
    return FakeClock()


@pytest.fixture
def service(new_table: NewTable, clock: FakeClock) -> Service:
    """Every function, with its cached rules, over one table and by one clock."""
    return Service(new_table(), clock)


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
