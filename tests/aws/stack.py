"""The deployed stack that is checked: its API, its AWS resources, and a tenant of its own."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

import boto3
import httpx2
from botocore.config import Config

_PATIENCE_SECONDS = 120


class Stack:
    """One deployed stack, reached by HTTP and by boto3."""

    def __init__(
        self, url: str, name: str, operator_key: str, *, region: str | None, endpoint: str | None
    ) -> None:
        self.url = url.rstrip("/")
        self.name = name
        self.emulated = endpoint is not None
        self._operator_key = operator_key
        self._endpoint = endpoint
        fake = "test" if endpoint else None
        self._session = boto3.Session(
            region_name=region, aws_access_key_id=fake, aws_secret_access_key=fake
        )
        self._clients: dict[str, Any] = {}
        self.http = httpx2.Client(base_url=self.url, timeout=60, trust_env=not self.emulated)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Close every connection."""
        self.http.close()
        for client in self._clients.values():
            client.close()

    # ------------------------------------------------------------ AWS

    def aws(self, service: str) -> Any:
        """Return the boto3 client of a service."""
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=60)
            self._clients[service] = self._session.client(  # type: ignore[call-overload]
                service, endpoint_url=self._endpoint, config=config
            )
        return self._clients[service]

    @cached_property
    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = self.aws("cloudformation").describe_stacks(StackName=self.name)
        stack: dict[str, Any] = described["Stacks"][0]
        return stack

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return {output["OutputKey"]: output["OutputValue"] for output in self._described["Outputs"]}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The stack's parameters; one with NoEcho has asterisks."""
        return {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in self._described["Parameters"]
        }

    @cached_property
    def physical_ids(self) -> dict[str, str]:
        """The physical id of each resource by its logical id."""
        pages = self.aws("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for resource in page["StackResourceSummaries"]
        }

    @cached_property
    def functions(self) -> dict[str, str]:
        """The name of each function by its short name, such as `reserve`."""
        return {
            logical_id.removesuffix("Function").lower(): name
            for logical_id, name in self.physical_ids.items()
            if logical_id.endswith("Function")
        }

    @cached_property
    def table(self) -> dict[str, Any]:
        """The description of the table."""
        response: dict[str, Any] = self.aws("dynamodb").describe_table(
            TableName=self.outputs["TableName"]
        )
        table: dict[str, Any] = response["Table"]
        return table

    def sum_of_day(self, namespace: str, metric: str, /, **dimensions: str) -> float:
        """Return the sum of a metric over the last 24 hours."""
        now = datetime.now(UTC)
        points = self.aws("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(days=1),
            EndTime=now,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    # ------------------------------------------------------------ API

    def send(
        self, method: str, path: str, body: object = None, *, key: str | None, **headers: str
    ) -> httpx2.Response:
        """Send one request with a key; headers are given with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        return self.http.request(method, path, json=body, headers=sent)

    def done(self, method: str, path: str, body: object = None, *, key: str, **headers: str) -> Any:
        """Send one request and return its body; a response above 299 fails the check."""
        response = self.send(method, path, body, key=key, **headers)
        if response.status_code >= 300:
            raise AssertionError(f"{method} {path}: {response.status_code} {response.text[:200]}")
        return response.json() if response.content else None

    @cached_property
    def tenant_id(self) -> str:
        """The id of the tenant in which the checks work."""
        return f"check-{uuid.uuid4().hex[:12]}"

    @cached_property
    def admin(self) -> str:
        """The first admin key of that tenant."""
        made = self.done(
            "POST", "/v1/tenants", {"tenant_id": self.tenant_id}, key=self._operator_key
        )
        return str(made["admin_key"])

    def new_key(self) -> dict[str, Any]:
        """Create another caller's key of the tenant."""
        made: dict[str, Any] = self.done("POST", "/v1/keys", {"role": "caller"}, key=self.admin)
        return made

    @cached_property
    def caller(self) -> str:
        """A caller's key of the tenant."""
        return str(self.new_key()["secret"])

    def budget(self, limit: str) -> str:
        """Create a budget of a new agent and return the agent's id."""
        subject = f"a{uuid.uuid4().hex[:8]}"
        wish = {"subject": f"agent:{subject}", "unit": "usd", "limit": limit}
        self.done("POST", "/v1/budgets", wish, key=self.admin)
        return subject

    def reserve(self, subject: str, amount: str) -> httpx2.Response:
        """Try to reserve an amount for an agent."""
        wish = {"subjects": {"agent": subject}, "amounts": {"usd": amount}}
        return self.send(
            "POST",
            "/v1/reservations",
            wish,
            key=self.caller,
            idempotency_key=uuid.uuid4().hex,
        )


def eventually[T](look: Callable[[], T | None], *, seconds: float = _PATIENCE_SECONDS) -> T:
    """Return the first true value that `look` returns; fail after that time with the last one."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still {seen!r}")
        time.sleep(1)
    return seen
