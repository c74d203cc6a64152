"""Engines that speak DynamoDB, and our table in them exactly as template.yaml describes it."""

import uuid
from functools import cache
from pathlib import Path
from typing import Any, cast

import boto3
import yaml
from botocore.config import Config

from spendgate_service.store.client import CLIENT_CONFIG, DynamoClient, Table

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"

_PATIENT = CLIENT_CONFIG.merge(Config(connect_timeout=60, read_timeout=60))
"""The functions' own, but for the time that an engine may take on a busy machine."""

_NOT_FOR_CREATION = {
    "DeletionProtectionEnabled",
    "SSESpecification",
    "PointInTimeRecoverySpecification",
    "TimeToLiveSpecification",
    "StreamSpecification",
}
"""Properties that say nothing about reads and writes, or that not every engine knows."""


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short functions (`!Ref`, `!GetAtt`) as their bare arguments."""


def _bare_argument(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node)


_TemplateLoader.add_multi_constructor("!", _bare_argument)


@cache
def template() -> dict[str, Any]:
    """template.yaml."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    parsed: dict[str, Any] = yaml.load(text, Loader=_TemplateLoader)
    return parsed


def table_definition() -> dict[str, Any]:
    """The arguments of CreateTable for the table of the template, without its name."""
    properties = template()["Resources"]["Table"]["Properties"]
    return {name: value for name, value in properties.items() if name not in _NOT_FOR_CREATION}


def create_table(client: Any, name: str) -> None:
    """Create the table of the template under that name, and wait until it is there."""
    client.create_table(TableName=name, **table_definition())
    client.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


@cache
def client_at(url: str, config: Config = CLIENT_CONFIG) -> DynamoClient:
    """A client of an engine on this machine, with the configuration that functions use."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    return cast("DynamoClient", client)


def patient_client_at(url: str) -> DynamoClient:
    """The same for a test whose result must not depend on how busy the machine is."""
    return client_at(url, _PATIENT)


def table_at(url: str) -> Table:
    """A new table of its own in an engine on this machine."""
    name = f"spendgate-{uuid.uuid4().hex}"
    client = patient_client_at(url)
    create_table(client, name)
    return Table(client, name, sleep=lambda _seconds: None)
