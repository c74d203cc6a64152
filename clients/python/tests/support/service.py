"""A running service for the tests: started once a session, or the stack that `make up` left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2

from spendgate import Spendgate

ROOT = Path(__file__).resolve().parents[4]
START_ATTEMPTS = 3  # DynamoDB Local may be slow to start on a busy machine
PROCESS = Path(__file__).with_name("service_process.py")


@dataclass(frozen=True)
class Service:
    """Where the service is, and the keys of its tenant."""

    url: str
    admin_key: str
    caller_key: str
    operator_key: str
    has_faults: bool

    def fail_next(self, *faults: dict[str, Any]) -> None:
        """Make the next responses fail; see service_process.py."""
        assert self.has_faults, "only the service of the tests can be made to fail"
        httpx2.post(f"{self.url}/_faults", json=faults).raise_for_status()

    def requests(self) -> list[str]:
        """The paths that the service answered, in their order."""
        paths: list[str] = httpx2.get(f"{self.url}/_requests").json()
        return paths

    def deliver(self, message: str) -> None:
        """Give the consumer a message of the settlement queue; raises if it refuses it."""
        httpx2.post(f"{self.url}/_deliver", content=message).raise_for_status()

    def admin(self) -> Spendgate:
        """A client with the admin's key."""
        return Spendgate(url=self.url, api_key=self.admin_key, timeout=60)


@dataclass(frozen=True)
class Account:
    """A fresh agent with budgets in usd and tokens."""

    agent: str
    usd_id: str
    admin: Spendgate

    @property
    def usd(self) -> tuple[Decimal, Decimal]:
        """Spent and held usd."""
        balance = self.admin.budgets.balance(self.usd_id)
        return balance.spent, balance.held

    @property
    def tokens(self) -> tuple[int, int]:
        """Spent and held tokens."""
        balances = self.admin.spend(agent=self.agent).budgets
        (balance,) = [balance for balance in balances if balance.unit == "tokens"]
        return int(balance.spent), int(balance.held)


def eventually(holds: Callable[[], bool], *, seconds: float = 30) -> bool:
    """Whether it comes true; polls, since another thread or process does the work."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_account(admin: Spendgate, *, usd: str = "100", tokens: int = 100_000_000) -> Account:
    """An agent that has not spent yet."""
    agent = f"agent-{uuid.uuid4().hex[:12]}"
    budget = admin.budgets.create(subject=f"agent:{agent}", unit="usd", limit=usd)
    admin.budgets.create(subject=f"agent:{agent}", unit="tokens", limit=tokens)
    return Account(agent, budget.budget_id, admin)


def new_tenant(service: Service, prefix: str) -> str:
    """The admin key of a new tenant."""
    with Spendgate(url=service.url, api_key=service.operator_key, timeout=60) as operator:
        made = operator.tenants.create(tenant_id=f"{prefix}-{uuid.uuid4().hex[:8]}")
    return str(made.admin_key)


def with_own_tenant(service: Service, prefix: str) -> Service:
    """The same service, with the keys of a new tenant."""
    key = new_tenant(service, prefix)
    return replace(service, admin_key=key, caller_key=key)


@contextmanager
def running_service() -> Iterator[Service]:
    """The stack of SPENDGATE_TEST_STACK (a file as `make up` writes it), else one of our own."""
    stack_file = os.environ.get("SPENDGATE_TEST_STACK")
    if stack_file:
        text = Path(stack_file).read_text(encoding="utf-8")
        yield _service(text, has_faults="has_faults" in json.loads(text))
        return
    python = os.environ.get("SPENDGATE_SERVICE_PYTHON", str(ROOT / ".venv/bin/python"))
    foreign = ("PYTHON", "AWS_", "POWERTOOLS_", "SPENDGATE_")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) or name == "SPENDGATE_ENGINE"
    }
    for attempt in range(START_ATTEMPTS):
        process = subprocess.Popen(
            [python, str(PROCESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if attempt == START_ATTEMPTS - 1 else subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        with process:
            assert process.stdin is not None and process.stdout is not None
            line = process.stdout.readline()
            if line:
                yield _service(line, has_faults=True)
                process.stdin.close()
                return
    raise AssertionError("the service did not start")


def _service(text: str, *, has_faults: bool) -> Service:
    stack = json.loads(text)
    return Service(
        stack["api_url"],
        stack["admin_key"],
        stack["caller_key"],
        stack["operator_key"],
        has_faults,
    )
