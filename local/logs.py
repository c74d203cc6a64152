"""`make logs`: what the functions of the local stack have written, oldest first."""

import os
import sys
from typing import Any

from local.console import LocalStackError, fail
from local.deploy import STACK_NAME
from local.emulator import EMULATOR, aws_client, endpoint_url, isolate_from_aws
from local.ports import remembered_ports


def main() -> int:
    """Print the logs of one function (FUNCTION=reserve), or of all."""
    isolate_from_aws()
    ports = remembered_ports()
    if ports is None or EMULATOR.process() is None:
        return fail(LocalStackError("Nothing is running; start it with: make up"))
    logs: Any = aws_client("logs", endpoint_url(ports))
    prefix = f"/{STACK_NAME}/{os.environ.get('FUNCTION', '')}"
    groups = logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    for group in groups:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                sys.stdout.write(f"{name.rsplit('/')[-1]}: {event['message'].rstrip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
