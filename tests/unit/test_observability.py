"""Logs, as they come out of a function."""

import json
import os
import subprocess
import sys

from tests.engines import ROOT

_PROGRAM = """
import logging
from spendgate.observability import logger

@logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
def handler(event, context):
    logging.getLogger("spendgate.api.errors").error("it failed", extra={"request_id": "req-1"})

from tests.fakes.functions import LambdaContext
handler({"requestContext": {"requestId": "req-1"}}, LambdaContext())
"""


def test_what_our_modules_log_comes_out_of_lambda_as_json_with_the_request_id() -> None:
    paths = os.pathsep.join([str(ROOT / "layers/core/python"), str(ROOT)])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": paths,
        "AWS_LAMBDA_FUNCTION_NAME": "spendgate-admin",
        "POWERTOOLS_SERVICE_NAME": "admin",
        "POWERTOOLS_METRICS_NAMESPACE": "Spendgate",
    }
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    lines = [json.loads(line) for line in ran.stdout.splitlines()]

    assert [line["message"] for line in lines] == ["it failed"]
    assert (lines[0]["service"], lines[0]["correlation_id"]) == ("admin", "req-1")
