"""The emulated AWS account: its credentials, environment and clients."""

import os
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from local.ports import Ports
from local.processes import base_environment

if TYPE_CHECKING:
    from botocore.client import BaseClient

REGION = "us-east-1"

FAKE_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "localhost,127.0.0.1",
    "no_proxy": "localhost,127.0.0.1",
}


def endpoint_url(ports: Ports) -> str:
    """Return the URL of the emulated AWS."""
    return f"http://127.0.0.1:{ports.emulator}"


def aws_environment(ports: Ports) -> dict[str, str]:
    """Return an environment in which every AWS tool talks to the emulator and to nothing else."""
    return {**base_environment(), **FAKE_ACCOUNT, "AWS_ENDPOINT_URL": endpoint_url(ports)}


def isolate_from_aws() -> None:
    """Replace the caller's AWS account by the emulated one in this process."""
    kept = base_environment()
    os.environ.clear()
    os.environ.update(kept | FAKE_ACCOUNT)


def aws_client(service: str, endpoint: str) -> "BaseClient":
    """Return a client of the emulated AWS, without retries: a local call is never lost."""
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # the emulator takes any
        region_name=REGION,
    )
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
    client: BaseClient = session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
    return client
