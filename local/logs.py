"""`make logs`: prints the logs of the local stack's functions, oldest first."""

import os
import sys
from collections.abc import Iterator
from typing import Any

from local.console import LocalStackError, run
from local.deploy import STACK_NAME
from local.emulator.account import aws_client, endpoint_url, isolate_from_aws
from local.emulator.process import EMULATOR
from local.ports import remembered_ports


def main() -> int:
    """Print the logs of one function (FUNCTION=reserve), or of all."""
    isolate_from_aws()
    ports = remembered_ports()
    if ports is None or EMULATOR.process() is None:
        raise LocalStackError("Nothing is running; start it with: make up")
    for line in function_logs(endpoint_url(ports), function=os.environ.get("FUNCTION", "")):
        sys.stdout.write(f"{line}\n")
    return 0


def function_logs(endpoint: str, *, function: str = "") -> Iterator[str]:
    """Yield the log lines of one function or of all, each prefixed by the function's name."""
    logs: Any = aws_client("logs", endpoint)
    prefix = f"/{STACK_NAME}/{function}"
    for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                yield f"{name.rsplit('/')[-1]}: {event['message'].rstrip()}"


if __name__ == "__main__":
    sys.exit(run(main))
