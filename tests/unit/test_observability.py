"""Logs, as they come out of a function."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

from tests.support.engines import REGION, ROOT

_LIBRARY = """
import logging
from spendgate_service.observability import logger

@logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
def handler(event, context):
    logging.getLogger("spendgate_service.api.errors").error(
        "it failed", extra={"request_id": "req-1"}
    )

from tests.support.functions import LambdaContext
handler({"requestContext": {"requestId": "req-1"}}, LambdaContext())
"""

_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from spendgate_service.observability import count, publish_counts

def count_and_publish(_number):
    count("example")
    publish_counts()

with ThreadPoolExecutor(16) as pool:
    list(pool.map(count_and_publish, range(2000)))
"""

_HTTP = """
from dataclasses import replace
from spendgate_service.api.dispatch import http_handler
from spendgate_service.api.routes import ROUTE_BY_KEY
from spendgate_service.app import Spendgate
from spendgate_service.observability import logger
from spendgate_service.store.errors import Throttled
from tests.support.functions import LambdaContext
from tests.support.http_events import a_principal, http_event

APP = Spendgate(None)
READ_TENANT = "GET /v1/tenant"

def fail(request):
    raise request.event["error"]

handler = http_handler({READ_TENANT: replace(ROUTE_BY_KEY[READ_TENANT], handler=fail)}, APP)

def request(request_id, error, principal=None):
    headers = {"Authorization": "Bearer sg.a-secret"}
    event = http_event(
        "GET", "/v1/tenant", principal=principal, headers=headers, request_id=request_id
    )
    handler({**event, "error": error}, LambdaContext())

request("req-1", RuntimeError("a bug"), a_principal(tenant_id="acme"))
request("req-2", Throttled("the table is busy"), a_principal(tenant_id="other"))
logger.warning("afterwards")
request("req-3", RuntimeError("unreached"))
logger.warning("nobody called")
"""

_QUEUE = """
from spendgate_service.api.queue import consume
from spendgate_service.app import Spendgate
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.tenants import Tenant
from spendgate_service.observability import logger, publish_counts
from spendgate_service.store.errors import Throttled

class Everything:
    def apply(self, commands):
        return [NotFound("reservation", "rsv_1"), Throttled("busy")][: len(commands)]
    def tenant(self, tenant_id):
        return Tenant(tenant_id, created_at_ms=0, updated_at_ms=0)
    def dead_letter(self, body, **why):
        pass
    def delay(self, receives):
        pass

release = '{"version": 1, "type": "release", "tenant_id": "acme", "reservation_id": "rsv_1"}'
bodies = {"msg-1": "no JSON, but a s3cret", "msg-2": release, "msg-3": release}
logger.set_correlation_id("req-before")
all_in_one = Everything()
app = Spendgate(None)
app.settlements = app.policy_cache = app.dead_letters = app.redelivery = all_in_one
consume(
    [{"messageId": name, "receiptHandle": name, "body": body} for name, body in bodies.items()],
    app,
)
publish_counts()
"""


@cache
def lines_of(program: str) -> list[dict[str, Any]]:
    paths = os.pathsep.join([str(ROOT / "layers/core/python"), str(ROOT)])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": paths,
        "AWS_LAMBDA_FUNCTION_NAME": "spendgate-admin",
        "AWS_DEFAULT_REGION": REGION,
        "TABLE_NAME": "spendgate",
        "POWERTOOLS_SERVICE_NAME": "admin",
        "POWERTOOLS_METRICS_NAMESPACE": "Spendgate",
        "STACK_NAME": "spendgate",
    }
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_what_our_modules_log_comes_out_of_lambda_as_json_with_the_request_id() -> None:
    [line] = lines_of(_LIBRARY)

    assert line["message"] == "it failed"
    assert (line["service"], line["correlation_id"]) == ("admin", "req-1")


def test_what_is_logged_about_a_request_names_the_request_and_its_tenant() -> None:
    logged = [line for line in lines_of(_HTTP) if "_aws" not in line]

    named = [(line["level"], line["correlation_id"], line.get("tenant_id")) for line in logged]
    assert named == [
        ("ERROR", "req-1", "acme"),
        ("WARNING", "req-2", "other"),
        ("WARNING", "req-2", "other"),
        ("WARNING", "req-3", None),
    ]
    assert "the table is busy" in logged[1]["message"]


def test_a_log_has_no_bearer() -> None:
    assert "a-secret" not in json.dumps(lines_of(_HTTP))


def test_a_request_that_fails_is_counted_under_the_service_and_the_stack() -> None:
    first, second = [line for line in lines_of(_HTTP) if "_aws" in line]

    assert (first["internal_error"], first["service"], first["stack"]) == (
        [1.0],
        "admin",
        "spendgate",
    )
    assert second["unavailable"] == [1.0]


def test_what_threads_count_at_once_is_published_once() -> None:
    assert sum(sum(line["example"]) for line in lines_of(_THREADS)) == 2000


def test_what_is_logged_about_a_message_names_the_message_its_tenant_and_the_reason() -> None:
    *logged, counted = lines_of(_QUEUE)

    named = [
        (line["message"], line["correlation_id"], line.get("tenant_id"), line["code"])
        for line in logged
    ]
    assert named == [
        ("a message was dead-lettered", "msg-1", None, "invalid_json"),
        ("a message was dead-lettered", "msg-2", "acme", "not_found"),
        ("a message will be retried", "msg-3", "acme", "unavailable"),
    ]
    assert (counted["dead_lettered"], counted["retried"]) == ([2.0], [1.0])


def test_a_message_that_fails_for_the_fourth_time_is_counted_apart() -> None:
    """The age of the queue leaves out what was received more than three times."""
    often = _QUEUE.replace(
        '"receiptHandle": name,',
        '"receiptHandle": name, "attributes": {"ApproximateReceiveCount": "4"},',
    )
    assert often != _QUEUE
    unmarked = "from spendgate_service.api import queue\nqueue.is_suspect = lambda record: False\n"

    *_logged, counted = lines_of(unmarked + often)

    assert counted["retried"] == counted["retried_often"]


def test_a_log_has_no_message_body() -> None:
    assert "s3cret" not in json.dumps(lines_of(_QUEUE))
