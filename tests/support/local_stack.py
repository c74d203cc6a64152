"""A plugin of pytest: the local stack, brought up if it is not, and tenants on it.

Everything in the folders below needs the stack: one process starts it, and tests there.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from xdist.scheduler import LoadScopeScheduling

from local.bootstrap import StackFile
from local.emulator.account import aws_client
from local.emulator.process import EMULATOR
from local.logs import function_logs
from local.up import up
from tests.e2e.client import Caller, Queues, Tenant, new_name
from tests.support import secret_scan
from tests.support.engines import ROOT

type NewTenant = Callable[[], Tenant]

FOLDERS = {ROOT / "tests" / "e2e", ROOT / "tests" / "console"}
QUICK_FOLDERS = {ROOT / "tests" / name for name in ("docs", "golden", "template", "unit")}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that need the stack."""
    if not FOLDERS.isdisjoint(item.path.parents):
        item.add_marker(pytest.mark.stack)


class StackScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives all tests of the stack to one worker, and every other test to a worker that is free.

    The quick suites go by their modules, whose tests share what they derive. xdist's own groups
    (`--dist loadgroup`) group nothing with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        folders = {*(ROOT / module).parents}
        if folders & FOLDERS:
            return "stack"
        return module if folders & QUICK_FOLDERS else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> StackScheduling:
    """Distribute the tests in the way of this project."""
    return StackScheduling(config, log)


@pytest.fixture(scope="session")
def stack() -> Iterator[StackFile]:
    """The stack of `make up`; it stays up. If it cannot start, every test here fails.

    Whatever it has ever logged is searched for secrets at the end.
    """
    before = dict(os.environ)
    try:
        described = up()
    finally:
        os.environ.clear()
        os.environ.update(before)
    yield described
    for line in function_logs(described.aws_endpoint_url):
        secret_scan.search("the log of a function on the local stack", line)
    secret_scan.search("the log of the local stack", EMULATOR.log.read_text(errors="replace"))


@pytest.fixture(scope="session")
def http(stack: StackFile) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.api_url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def operator(stack: StackFile, http: httpx2.Client) -> Caller:
    return Caller(http, stack.operator_key)


@pytest.fixture(scope="session")
def stranger(http: httpx2.Client) -> Caller:
    """Somebody without a key."""
    return Caller(http, None)


@pytest.fixture(scope="session")
def new_tenant(operator: Caller, http: httpx2.Client) -> NewTenant:
    def make() -> Tenant:
        tenant_id = new_name()
        made = operator.post("/v1/tenants", {"tenant_id": tenant_id}, expected=201).body
        admin = Caller(http, made["admin_key"])

        def key(role: str) -> Caller:
            made_key = admin.post("/v1/keys", {"role": role}, expected=201).body
            return Caller(http, made_key["secret"])

        return Tenant(tenant_id, admin, key("caller"), key("reader"))

    return make


@pytest.fixture(scope="module")
def tenant(new_tenant: NewTenant) -> Tenant:
    return new_tenant()


@pytest.fixture(scope="session")
def queues(stack: StackFile) -> Queues:
    sqs: Any = aws_client("sqs", stack.aws_endpoint_url)
    return Queues(sqs, stack.settlement_queue_url, stack.dead_letter_queue_url)
