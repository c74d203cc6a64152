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

from local.processes import base_environment
from spendgate_service.api.routes import ROUTE_BY_KEY
from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from spendgate_service.store.clients.lean import LeanClient
from spendgate_service.store.clients.selection import KIND_VARIABLE
from tests.support.engines import REGION, create_table, patient_client_at
from tests.support.functions import LambdaContext, load_function
from tests.support.http_events import a_principal, http_event

KINDS = ("lean", "boto3")
"""The clients by which functions call DynamoDB; the first is the default."""

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
    url: str, *, kind: str = KINDS[0], through: Callable[[Any], Any] = lambda client: client
) -> Iterator[Service]:
    """Yield the service over a new table with a tenant.

    It calls the engine by a client of that kind, which `through` wraps.
    """
    name = f"bench-{uuid.uuid4().hex}"
    create_table(patient_client_at(url, kind="boto3"), name)
    with redirect_stdout(Nowhere()), service_on(url, name, kind=kind, through=through) as service:
        operator = a_principal("operator", tenant_id="-")
        service.answer(
            http_event("POST", "/v1/tenants", body={"tenant_id": "acme"}, principal=operator)
        )
        yield service


@contextmanager
def service_on(
    url: str,
    name: str,
    *,
    kind: str = KINDS[0],
    through: Callable[[Any], Any] = lambda client: client,
) -> Iterator[Service]:
    """Yield the service over an existing table, in an environment like that of a function."""
    for variable in set(os.environ) - set(base_environment()):
        del os.environ[variable]
    here = {"AWS_ENDPOINT_URL_DYNAMODB": url, "TABLE_NAME": name, KIND_VARIABLE: kind}
    os.environ.update(_ENVIRONMENT | here)
    app = Spendgate.from_environment()
    assert isinstance(app.table.client, LeanClient) == (kind == KINDS[0]), "it fell back"
    app.table.client = through(app.table.client)
    yield Service(url, app)


def _function_of(event: Mapping[str, Any]) -> str:
    return ROUTE_BY_KEY[event["routeKey"]].function
