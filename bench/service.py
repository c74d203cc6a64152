"""The service in this process, on an engine of its own: events in, answers out."""

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
from tests.support.engines import REGION, client_at, create_table
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
    """Takes what the functions print and forgets it."""

    def write(self, text: str) -> int:
        """Say that it was written."""
        return len(text)


@dataclass(frozen=True, slots=True)
class Service:
    """All functions over one table."""

    url: str
    app: Spendgate
    functions: dict[str, ModuleType] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The table that all functions work on."""
        return self.app.table

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What the function of an HTTP event answers. Raises AssertionError on an error."""
        answered = self.handler(_function_of(event))(event, CONTEXT)
        assert answered["statusCode"] < 300, answered
        return dict(answered)

    def handler(self, name: str) -> Any:
        """The handler of a function."""
        if name not in self.functions:
            self.functions[name] = load_function(name, self.app)
        return self.functions[name].handler

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The body of the answer to a request by an admin of the tenant."""
        answered = self.answer(http_event(method, path, body=body, principal=ADMIN))
        return dict(json.loads(answered["body"]))

    def budget(self, subject: str, limit: str, period: Mapping[str, object] | None = None) -> str:
        """The id of a new budget in usd, by the month if nothing else is said."""
        by = period or {"type": "calendar", "unit": "month"}
        body = {"subject": subject, "unit": "usd", "limit": limit, "period": by}
        return str(self.ask("POST", "/v1/budgets", body)["budget_id"])


@contextmanager
def service_at(
    url: str, *, through: Callable[[Any], Any] = lambda client: client
) -> Iterator[Service]:
    """The service over a new table in an engine, with its tenant.

    Every call goes `through` what is made of the engine's client.
    """
    name = f"bench-{uuid.uuid4().hex}"
    create_table(client_at(url), name)
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
    """The service over a table that is there."""
    os.environ.update(_ENVIRONMENT, AWS_ENDPOINT_URL_DYNAMODB=url, TABLE_NAME=name)
    app = Spendgate.from_environment()
    app.table.client = through(app.table.client)
    yield Service(url, app)


def _function_of(event: Mapping[str, Any]) -> str:
    return ROUTE_BY_KEY[event["routeKey"]].function
