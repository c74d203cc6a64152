"""Deploys the built template into the emulator with SAM, as one would into AWS."""

import tempfile
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.build import machine_architecture
from local.console import LocalStackError, step
from local.emulator import REGION, aws_client, aws_environment, endpoint_url
from local.paths import BUILD, LOCAL, LOGS, SAM
from local.ports import Ports
from local.processes import finished

STACK_NAME = "spendgate"
_BUCKET = "spendgate-artifacts"
_LOG = LOGS / "sam-deploy.log"
_DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
# Nobody waits for a batch to fill on one machine, two cores gain nothing from more consumers, and
# whoever tries out a revoked key need not wait for a minute. The dashboard costs nothing here. The
# emulator does not try a change again that a function reports as failed, so an event that the bus
# refuses is put aside at once.
_PARAMETERS = {
    "SettlementBatchingSeconds": "0",
    "SettlementConcurrency": "2",
    "AuthorizerCacheSeconds": "5",
    "EventRetrySeconds": "0",
    "Dashboard": "true",
}


@dataclass(frozen=True)
class DeployedStack:
    """What CloudFormation says of the stack: its outputs and the real names of its resources."""

    outputs: dict[str, str]
    parameters: dict[str, str]
    physical_ids: dict[str, str]
    fingerprint: str


def deployed_stack(ports: Ports) -> DeployedStack | None:
    """Describe the stack in the emulator, if it is there and whole."""
    cloudformation: Any = aws_client("cloudformation", endpoint_url(ports))
    try:
        stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    except ClientError:
        return None
    if stack["StackStatus"] not in _DEPLOYED:
        return None
    resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
    return DeployedStack(
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        parameters={p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]},
        physical_ids={r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources},
        fingerprint=tags.get("sources", ""),
    )


def deploy(ports: Ports, fingerprint: str) -> DeployedStack:
    """Bring the stack to the built sources; the table and its items stay."""
    stack = deployed_stack(ports)
    if stack is not None and stack.fingerprint == fingerprint:
        return stack
    with step("Deploying into the emulator (sam deploy)"):
        _make_bucket(ports)
        _sam_deploy(ports, fingerprint)
        _say_concurrency_again(ports)
    stack = deployed_stack(ports)
    if stack is None:
        raise LocalStackError("The stack is not whole after its deployment.", log=_LOG)
    return stack


def deployed_template(ports: Ports) -> str:
    """Answer the template as SAM sent it."""
    cloudformation: Any = aws_client("cloudformation", endpoint_url(ports))
    answer = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Original")
    return str(answer["TemplateBody"])


def _make_bucket(ports: Ports) -> None:
    storage: Any = aws_client("s3", endpoint_url(ports))
    names = {bucket["Name"] for bucket in storage.list_buckets()["Buckets"]}
    if _BUCKET not in names:
        storage.create_bucket(Bucket=_BUCKET)


def _say_concurrency_again(ports: Ports) -> None:
    """Give the queue's consumer its concurrency as a number.

    The emulator keeps the template's parameter as text, and then polls no queue at all.
    """
    functions: Any = aws_client("lambda", endpoint_url(ports))
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" not in mapping:
            continue
        concurrency = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        functions.update_event_source_mapping(
            UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency}
        )


def _sam_deploy(ports: Ports, fingerprint: str) -> None:
    parameters = {"Architecture": machine_architecture(), **_PARAMETERS}
    command = [
        str(SAM), "deploy",
        "--template-file", str(BUILD / "template.yaml"),
        "--stack-name", STACK_NAME,
        "--region", REGION,
        "--s3-bucket", _BUCKET,
        "--no-resolve-s3",
        "--no-confirm-changeset",
        "--no-progressbar",
        "--no-fail-on-empty-changeset",
        "--capabilities", "CAPABILITY_IAM",
        "--tags", f"sources={fingerprint}",
        "--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items()),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=LOCAL) as scratch:
        environment = aws_environment(ports) | {
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.3",  # seconds between two looks at the stack
            "TMPDIR": scratch,  # it leaves an empty folder behind for each thing that it packs
        }
        done = finished(command, environment, _LOG)
    if not done:
        raise LocalStackError(
            "sam deploy failed. If it is an older version's data that is in the way,"
            " make clean removes it.",
            log=_LOG,
        )
