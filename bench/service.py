"""The service in this process on its own engine: events in, responses out."""

import io
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from spendgate_service.api.routes import ROUTE_BY_KEY
from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from tests.support.engines import REGION, boto_client_at, create_table
from tests.support.functions import LambdaContext, load_function
from tests.support.http_events import a_principal, http_event

ADMIN = a_principal("admin")
CONTEXT = LambdaContext()

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "POWERTOOLS_SERVICE_NAME": "bench",
    "LOG_LEVEL": "WARNING",
}


class Nowhere(io.TextIOBase):
    """Discards the output of the functions."""

    def write(self, text: str) -> int:
        """Return the length, as if it were written."""
        return len(text)


@dataclass(frozen=True, slots=True)
class Service:
    """All functions over one table."""

    url: str
    app: Spendgate
    functions: dict[str, ModuleType] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The table of all functions."""
        return self.app.table

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response to an HTTP event. Raises AssertionError on an error."""
        answered = self.handler(_function_of(event))(event, CONTEXT)
        assert answered["statusCode"] < 300, answered
        return dict(answered)

    def handler(self, name: str) -> Any:
        """Return the handler of a function."""
        if name not in self.functions:
            self.functions[name] = load_function(name, self.app)
        return self.functions[name].handler

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the body of the response to a request of the tenant's admin."""
        answered = self.answer(http_event(method, path, body=body, principal=ADMIN))
        return dict(json.loads(answered["body"]))

    def budget(self, subject: str, limit: str, period: Mapping[str, object] | None = None) -> str:
        """Create a budget in usd, by default per month, and return its id."""
        by = period or {"type": "calendar", "unit": "month"}
        body = {"subject": subject, "unit": "usd", "limit": limit, "period": by}
        return str(self.ask("POST", "/v1/budgets", body)["budget_id"])


@contextmanager
def service_at(
    url: str, *, through: Callable[[Any], Any] = lambda client: client
) -> Iterator[Service]:
    """Yield the service over a new table with a tenant; `through` wraps the engine's client."""
    name = f"bench-{uuid.uuid4().hex}"
    create_table(boto_client_at(url), name)
    with redirect_stdout(Nowhere()), service_on(url, name, through=through) as service:
        operator = a_principal("operator", tenant_id="-")
        service.answer(
            http_event("POST", "/v1/tenants", body={"tenant_id": "acme"}, principal=operator)
        )
        yield service


@contextmanager
def service_on(
    url: str, name: str, *, through: Callable[[Any], Any] = lambda client: client
) -> Iterator[Service]:
    """Yield the service over an existing table."""
    os.environ.update(_ENVIRONMENT, AWS_ENDPOINT_URL_DYNAMODB=url, TABLE_NAME=name)
    app = Spendgate.from_environment()
    app.table.client = through(app.table.client)
    yield Service(url, app)


def _function_of(event: Mapping[str, Any]) -> str:
    return ROUTE_BY_KEY[event["routeKey"]].function
