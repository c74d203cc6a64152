"""Engines that speak DynamoDB, and our table in them exactly as template.yaml describes it."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import boto3
import yaml
from botocore.config import Config

from spendgate_service.clock import Clock
from spendgate_service.metrics import Observe, unobserved
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.clients.boto import CLIENT_CONFIG, refuse_partial_responses
from spendgate_service.store.clients.connections import (
    CONNECT_SECONDS_MAX,
    READ_SECONDS_MAX,
    Connections,
    Endpoint,
)
from spendgate_service.store.clients.lean import LeanClient
from spendgate_service.store.clients.signing import Credentials

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"

_CLOCK = Clock()

CREDENTIALS = Credentials("test", "test")

CLIENT_KIND = os.environ.get("SPENDGATE_DYNAMO_CLIENT", "lean")
"""Which adapter the suites use on DynamoDB Local and on the emulator: `lean` or `boto3`."""

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


class _TemplateLoader(yaml.CSafeLoader):
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


def properties_of(logical_id: str) -> dict[str, Any]:
    """The properties of a resource of the template."""
    properties: dict[str, Any] = template()["Resources"][logical_id]["Properties"]
    return properties


def parameter_of(name: str) -> dict[str, Any]:
    """A parameter of the template, as it is declared."""
    declared: dict[str, Any] = template()["Parameters"][name]
    return declared


def table_definition() -> dict[str, Any]:
    """The arguments of CreateTable for the table of the template, without its name."""
    properties = properties_of("Table")
    return {name: value for name, value in properties.items() if name not in _NOT_FOR_CREATION}


def create_table(client: Any, name: str) -> None:
    """Create the table of the template under that name, and wait until it is there."""
    client.create_table(TableName=name, **table_definition())
    client.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


@cache
def boto_client_at(url: str, config: Config = CLIENT_CONFIG) -> Any:
    """boto3's client of an engine on this machine, by default as functions configure it."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        config=config,
    )
    refuse_partial_responses(client)
    return client


def lean_client_at(
    url: str,
    *,
    now_ms: Callable[[], int] = _CLOCK.now_ms,
    observe: Observe = unobserved,
    connect_seconds_max: float = CONNECT_SECONDS_MAX,
    read_seconds_max: float = READ_SECONDS_MAX,
) -> LeanClient:
    """A lean client of an engine on this machine."""
    endpoint = Endpoint.of(url)
    return LeanClient(
        endpoint,
        REGION,
        CREDENTIALS,
        connections=Connections(
            endpoint,
            now_ms=now_ms,
            connect_seconds_max=connect_seconds_max,
            read_seconds_max=read_seconds_max,
        ),
        create_fallback=lambda: cast("DynamoClient", boto_client_at(url)),
        observe=observe,
    )


@cache
def client_at(url: str) -> DynamoClient:
    """A client of an engine on this machine, of the kind that is tested in this run."""
    return new_client_at(url)


def new_client_at(url: str) -> DynamoClient:
    """The same, with a wire of its own that a test may put faults on."""
    if CLIENT_KIND == "boto3":
        return cast("DynamoClient", boto_client_at.__wrapped__(url))
    return lean_client_at(url)


@cache
def patient_client_at(url: str, *, kind: str = CLIENT_KIND) -> DynamoClient:
    """The same for a test whose result must not depend on how busy the machine is."""
    if kind == "boto3":
        return cast("DynamoClient", boto_client_at(url, _PATIENT))
    return lean_client_at(url, connect_seconds_max=60, read_seconds_max=60)


def table_at(url: str, *, kind: str = CLIENT_KIND) -> Table:
    """A new table of its own in an engine on this machine."""
    name = f"spendgate-{uuid.uuid4().hex}"
    create_table(boto_client_at(url, _PATIENT), name)
    return Table(patient_client_at(url, kind=kind), name, sleep=lambda _seconds: None)


@contextmanager
def temporary_table_at(url: str, *, kind: str = CLIENT_KIND) -> Iterator[Table]:
    """A new table that is deleted afterwards: DynamoDB Local works for each idle table too."""
    table = table_at(url, kind=kind)
    yield table
    boto_client_at(url, _PATIENT).delete_table(TableName=table.name)
