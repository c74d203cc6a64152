"""Every scenario with every framework: the provider's log and the service's books agree."""

from __future__ import annotations

import os
from typing import Any

import pytest

from spendgate import Spendgate
from spendgate.testing import FakeProvider
from tests.integrations.frameworks.drivers import DRIVERS, name_of
from tests.integrations.frameworks.scenarios import SCENARIOS, Driver, Scenario, play, problems
from tests.support.service import Service


def combinations() -> list[Any]:
    """Every scenario with every way in; the second of two ways runs where it may differ."""
    seen: set[type[Driver]] = set()
    found = []
    for kind, is_async in DRIVERS:
        plays_all = kind not in seen or "WHOLE_TABLE" in os.environ
        seen.add(kind)
        found += [
            pytest.param(kind, is_async, scenario, id=f"{name_of(kind, is_async)}-{scenario.name}")
            for scenario in SCENARIOS
            if plays_all or scenario.streams
        ]
    return found


@pytest.mark.parametrize(("kind", "is_async", "scenario"), combinations())
def test_the_books_agree_with_the_providers_log(
    kind: type[Driver],
    is_async: bool,
    scenario: Scenario,
    service: Service,
    admin: Spendgate,
    provider: FakeProvider,
) -> None:
    driver = kind(service, provider, is_async)
    row = play(driver, scenario, admin=admin, fake=provider)
    assert problems(driver, scenario, row) == []
