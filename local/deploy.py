"""Deploys the built template into the emulator with SAM, as for AWS."""

import os
import tempfile
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.build import machine_architecture
from local.console import LocalStackError, step
from local.emulator.account import REGION, aws_client, aws_environment, endpoint_url
from local.paths import BUILD, LOCAL, LOGS, SAM
from local.ports import Ports
from local.processes import finished

STACK_NAME = "spendgate"
_BUCKET = "spendgate-artifacts"
_LOG = LOGS / "sam-deploy.log"
_DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
# Two cores gain nothing from more consumers, and a revoked key should stop working within seconds.
# The dashboard costs nothing here.
_PARAMETERS = {
    "SettlementConcurrency": "2",
    "AuthorizerCacheSeconds": "5",
    "Dashboard": "true",
}


@dataclass(frozen=True)
class DeployedStack:
    """A deployed stack: its outputs, parameters and the physical ids of its resources."""

    outputs: dict[str, str]
    parameters: dict[str, str]
    physical_ids: dict[str, str]
    fingerprint: str

    def is_of(self, fingerprint: str, dynamo_client: str) -> bool:
        """Tell whether it was deployed of these sources, with that client of DynamoDB."""
        return (self.fingerprint, self.parameters.get("DynamoClient")) == (
            fingerprint,
            dynamo_client,
        )


def deployed_stack(ports: Ports) -> DeployedStack | None:
    """Return the stack in the emulator, or None if it is missing or incomplete."""
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
        parameters={
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in stack["Parameters"]
        },
        physical_ids={
            resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources
        },
        fingerprint=tags.get("sources", ""),
    )


def deploy(ports: Ports, fingerprint: str) -> DeployedStack:
    """Deploy the built sources, unless they are deployed already; the table keeps its items."""
    stack = deployed_stack(ports)
    if stack is not None and stack.is_of(fingerprint, _dynamo_client()):
        return stack
    with step("Deploying into the emulator (sam deploy)"):
        _make_bucket(ports)
        _sam_deploy(ports, fingerprint)
        _set_concurrency(ports)
    stack = deployed_stack(ports)
    if stack is None:
        raise LocalStackError("The stack is incomplete after its deployment.", log=_LOG)
    return stack


def deployed_template(ports: Ports) -> str:
    """Return the template as SAM sent it."""
    cloudformation: Any = aws_client("cloudformation", endpoint_url(ports))
    response = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Original")
    return str(response["TemplateBody"])


def _make_bucket(ports: Ports) -> None:
    storage: Any = aws_client("s3", endpoint_url(ports))
    names = {bucket["Name"] for bucket in storage.list_buckets()["Buckets"]}
    if _BUCKET not in names:
        storage.create_bucket(Bucket=_BUCKET)


def _set_concurrency(ports: Ports) -> None:
    """Set the concurrency of the queue's consumer as a number.

    The emulator keeps the template's parameter as a string, and then polls no queue.
    """
    functions: Any = aws_client("lambda", endpoint_url(ports))
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" not in mapping:
            continue
        concurrency = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        functions.update_event_source_mapping(
            UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency}
        )


def _dynamo_client() -> str:
    """Return by which client the functions call DynamoDB; `make test-long` tests both."""
    return os.environ.get("SPENDGATE_DYNAMO_CLIENT", "lean")


def _sam_deploy(ports: Ports, fingerprint: str) -> None:
    parameters = {
        "Architecture": machine_architecture(),
        "ConsoleLinkUrl": f"http://127.0.0.1:{ports.api}/console",
        "DynamoClient": _dynamo_client(),
        **_PARAMETERS,
    }
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
            "SAM_CLI_POLL_DELAY": "0.3",  # seconds between two polls of the stack
            "TMPDIR": scratch,  # SAM leaves an empty folder for each artifact that it packs
        }
        done = finished(command, environment, _LOG)
    if not done:
        raise LocalStackError(
            "sam deploy failed. If the data of an older version is the cause, make clean"
            " removes it.",
            log=_LOG,
        )
