"""What only AWS knows: dead letters and alarms, where boto3 is installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from spendgate.cli.findings import Finding

_QUEUE_OUTPUT = "DeadLetterQueueUrl"


def findings(stack: str | None) -> Iterator[Finding]:
    """Dead letters that wait, and alarms that ring, of a stack."""
    if stack is None or find_spec("boto3") is None:
        yield Finding(
            "AWS",
            "skipped",
            "dead letters and alarms were not checked",
            "Pass --stack NAME where boto3 and AWS credentials are available.",
        )
        return
    boto3 = importlib.import_module("boto3")
    errors = importlib.import_module("botocore.exceptions")
    try:
        queue_url = _queue_url(boto3, stack)
        if queue_url is None:
            yield Finding("AWS", "error", f"{stack} is no stack of Spendgate", "Check --stack.")
            return
        yield _dead_letters(boto3, queue_url)
        yield _alarms(boto3, stack)
    except (errors.BotoCoreError, errors.ClientError) as error:
        yield Finding("AWS", "error", str(error), "Check the credentials, the region and --stack.")


def _queue_url(boto3: Any, stack: str) -> str | None:
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    return outputs.get(_QUEUE_OUTPUT)


def _dead_letters(boto3: Any, queue_url: str) -> Finding:
    name = "ApproximateNumberOfMessages"
    answered = boto3.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    waiting = int(answered["Attributes"][name])
    if waiting:
        return Finding(
            "dead letters",
            "warning",
            f"{waiting} messages could not be applied",
            "spendgate admin dead-letters --help",
        )
    return Finding("dead letters", "ok", "none")


def _alarms(boto3: Any, stack: str) -> Finding:
    pages = boto3.client("cloudwatch").get_paginator("describe_alarms")
    ringing = [
        str(alarm["AlarmName"])
        for page in pages.paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
        for alarm in page["MetricAlarms"]
    ]
    if ringing:
        return Finding("alarms", "warning", ", ".join(ringing), "See docs/operations.md.")
    return Finding("alarms", "ok", "none")
