"""Creates the first keys of the local stack and writes `.local/stack.json`."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import cast

from local.console import LocalStackError, step
from local.deploy import DeployedStack
from local.emulator.account import REGION, aws_client, endpoint_url
from local.emulator.process import EMULATOR
from local.paths import STACK_FILE
from local.ports import Ports
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.tenants.__main__ import create_operator_key
from spendgate_service.tenants.api_keys import create_key, new_key

TENANT_ID = "local"


@dataclass(frozen=True)
class StackFile:
    """The contents of `.local/stack.json`; its fields are public."""

    api_url: str
    tenant_id: str
    operator_key: str
    admin_key: str
    caller_key: str
    settlement_queue_url: str
    dead_letter_queue_url: str
    table_name: str
    event_bus_name: str
    aws_endpoint_url: str
    region: str

    @property
    def console_url(self) -> str:
        """The address of the web console."""
        return f"{self.api_url}/console"

    @classmethod
    def read(cls) -> "StackFile":
        """Read the file that the last `make up` wrote."""
        return cls(**json.loads(STACK_FILE.read_text()))


def write_stack_file(ports: Ports, stack: DeployedStack) -> StackFile:
    """Write `.local/stack.json`; keep its keys if the API still accepts them."""
    api_url = f"http://127.0.0.1:{ports.api}"
    keys = _known_keys(api_url) or _new_keys(api_url, ports, stack)
    described = StackFile(
        api_url=api_url,
        tenant_id=TENANT_ID,
        operator_key=keys["operator_key"],
        admin_key=keys["admin_key"],
        caller_key=keys["caller_key"],
        settlement_queue_url=stack.outputs["SettlementQueueUrl"],
        dead_letter_queue_url=stack.outputs["DeadLetterQueueUrl"],
        table_name=stack.outputs["TableName"],
        event_bus_name=stack.outputs["EventBusName"],
        aws_endpoint_url=endpoint_url(ports),
        region=REGION,
    )
    temporary = STACK_FILE.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(described), indent=2) + "\n")
    temporary.replace(STACK_FILE)
    return described


def wait_for_health(ports: Ports, *, timeout_seconds: float = 30) -> None:
    """Wait until the health check succeeds, through the gateway and a function."""
    url = f"http://127.0.0.1:{ports.api}/v1/health"
    deadline = time.monotonic() + timeout_seconds
    while True:
        status, response = _request("GET", url, key=None, body=None)
        if status == 200:
            return
        if time.monotonic() > deadline:
            raise LocalStackError(f"{url} returns {status} {response}", log=EMULATOR.log)
        time.sleep(0.2)


def _known_keys(api_url: str) -> dict[str, str] | None:
    try:
        keys: dict[str, str] = json.loads(STACK_FILE.read_text())
        with step("Checking the keys of the last run"):
            valid = all(
                _request("GET", f"{api_url}{path}", key=keys[name], body=None)[0] == 200
                for path, name in (
                    ("/v1/tenants?limit=1", "operator_key"),
                    ("/v1/tenant", "admin_key"),
                    ("/v1/spend?agent=none", "caller_key"),
                )
            )
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return None
    return keys if valid else None


def _new_keys(api_url: str, ports: Ports, stack: DeployedStack) -> dict[str, str]:
    with step(f'Creating the tenant "{TENANT_ID}" and its keys'):
        client = cast("DynamoClient", aws_client("dynamodb", endpoint_url(ports)))
        table = Table(client, stack.outputs["TableName"])
        operator_key = create_operator_key(table, _now_ms())
        tenant = _post(f"{api_url}/v1/tenants", operator_key, {"tenant_id": TENANT_ID})
        # The keys of an existing tenant cannot be read again; create another admin key.
        admin_key = tenant["admin_key"] if tenant else _another_admin_key(table)
        caller = _post(f"{api_url}/v1/keys", admin_key, {"role": "caller", "name": "local"})
        assert caller is not None
    return {"operator_key": operator_key, "admin_key": admin_key, "caller_key": caller["secret"]}


def _another_admin_key(table: Table) -> str:
    issued = new_key(TENANT_ID, "admin", name="local", now_ms=_now_ms())
    create_key(table, issued, idempotency=None)
    return issued.bearer


def _post(url: str, key: str, body: dict[str, str]) -> dict[str, str] | None:
    """Create an object; return None if it exists already."""
    status, response = _request("POST", url, key=key, body=body)
    if status == 409:
        return None
    if status != 201:
        raise LocalStackError(f"POST {url} returns {status} {response}", log=EMULATOR.log)
    created: dict[str, str] = json.loads(response)
    return created


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _request(
    method: str, url: str, *, key: str | None, body: dict[str, str] | None
) -> tuple[int, str]:
    request = urllib.request.Request(url, method=method)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return 0, str(error)
