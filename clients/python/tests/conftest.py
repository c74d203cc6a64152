"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from spendgate import Spendgate
from tests.support.service import Account, Service, new_account, running_service


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """One service for the whole session; each test has an agent of its own."""
    with running_service() as service:
        yield service


@pytest.fixture(scope="session")
def admin(service: Service) -> Iterator[Spendgate]:
    with service.admin() as admin:
        yield admin


@pytest.fixture
def account(admin: Spendgate) -> Account:
    return new_account(admin)


@pytest.fixture
def accounts(admin: Spendgate) -> Callable[..., Account]:
    return lambda **limits: new_account(admin, **limits)


@pytest.fixture
def guard(service: Service) -> Iterator[Spendgate]:
    """A client with the caller's key, inline settlement and short retries."""
    with Spendgate(url=service.url, api_key=service.caller_key, timeout=60) as guard:
        yield guard
