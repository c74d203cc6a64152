"""The whole service over one table in memory: every route leads to the function that serves it."""

from collections.abc import Callable, Iterator
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


def pages(ask: Ask, path: str, **query: str) -> Iterator[list[dict[str, Any]]]:
    """Each page of a list as its entries, from the first to the last."""
    while True:
        page = ask("GET", path, query=query)
        assert page.status == 200, page
        yield page.body["data"]
        if page.body["next_cursor"] is None:
            return
        query = {**query, "cursor": page.body["next_cursor"]}


def all_entries(ask: Ask, path: str, **query: str) -> list[dict[str, Any]]:
    """Every entry of a list, page by page."""
    return [entry for page in pages(ask, path, **query) for entry in page]


@pytest.fixture
def acme(ask: Ask) -> None:
    """The tenant of most tests, with default settings."""
    operator = a_principal("operator", tenant_id="-")
    assert ask("POST", "/v1/tenants", {"tenant_id": "acme"}, principal=operator).status == 201
