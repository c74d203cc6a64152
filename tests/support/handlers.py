"""The whole service over one table in memory: every route leads to the function that serves it."""

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import pytest

from spendgate_service.api.routes import route_at
from spendgate_service.app import Spendgate
from spendgate_service.store.policy_cache import PolicyCache
from tests.support.functions import HttpAnswer, answer_of, load_function
from tests.support.http_events import a_principal, http_event

ADMIN = a_principal("admin")

type Ask = Callable[..., HttpAnswer]


@pytest.fixture
def ask(app: Spendgate) -> Ask:
    """Send a request, as an admin of acme if nobody else is named.

    Between two requests so much time goes by for the rules that no cached one is still trusted.
    """
    ticks = count(step=1000)
    vars(app)["policy_cache"] = PolicyCache(app.table, monotonic=lambda: float(next(ticks)))
    function = cache(load_function)

    def call(method: str, path: str, body: object = None, **more: Any) -> HttpAnswer:
        event = http_event(method, path, body=body, **{"principal": ADMIN, **more})
        route = route_at(method, path)
        return answer_of(function(route.function if route else "admin", app), event)

    return call


@pytest.fixture
def acme(ask: Ask) -> None:
    """The tenant of most tests, with default settings."""
    operator = a_principal("operator", tenant_id="-")
    assert ask("POST", "/v1/tenants", {"tenant_id": "acme"}, principal=operator).status == 201
