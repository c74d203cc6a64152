"""Which client a function gets: the lean one where it is known to do all that is needed (ADR 33).

It is not for environments that it does not cover: a proxy, own certificates, FIPS or dual-stack
endpoints, a partition whose hosts have other names, or credentials that are not in the environment
variables that Lambda sets. There, and where the parameter `DynamoClient` says so, the function gets
botocore's client.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from spendgate_service.metrics import Observe, unobserved
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.clients.connections import Connections, Endpoint
from spendgate_service.store.clients.lean import LeanClient
from spendgate_service.store.clients.signing import Credentials

KIND_VARIABLE: Final = "DYNAMO_CLIENT"

_REGION = re.compile(
    r"(af|ap|ca|eu|il|me|mx|sa|us)(-gov)?-(central|(north|south)?(east|west)?)-\d+"
)
"""Regions whose host is `dynamodb.<region>.amazonaws.com`."""

_UNCOVERED_VARIABLES = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "AWS_PROFILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)


def create_dynamo_client(
    variables: Mapping[str, str], *, now_ms: Callable[[], int], observe: Observe = unobserved
) -> DynamoClient:
    """Create the client of the table: the lean one if the environment allows it."""

    def botocore_client() -> DynamoClient:
        from spendgate_service.store.clients import boto  # noqa: PLC0415 (slow to import)

        return boto.create_function_client(now_ms)

    if variables.get(KIND_VARIABLE) == "boto3":
        return botocore_client()
    place = lean_place(variables)
    if place is None:
        observe("client_fallback", 1)
        return botocore_client()
    endpoint, region, credentials = place
    return LeanClient(
        endpoint,
        region,
        credentials,
        connections=Connections(endpoint, now_ms=now_ms),
        create_fallback=botocore_client,
        observe=observe,
    )


def lean_place(variables: Mapping[str, str]) -> tuple[Endpoint, str, Credentials] | None:
    """Return what the lean client needs; None where the environment is not covered."""
    if any(_is_set(variables, name) for name in _UNCOVERED_VARIABLES):
        return None
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or ""
    access_key = variables.get("AWS_ACCESS_KEY_ID", "")
    secret_key = variables.get("AWS_SECRET_ACCESS_KEY", "")
    url = _endpoint_url(variables, region)
    if not (region and access_key and secret_key and url):
        return None
    try:
        endpoint = Endpoint.of(url)
    except ValueError:
        return None
    token = variables.get("AWS_SESSION_TOKEN", "")
    return endpoint, region, Credentials(access_key, secret_key, token)


def _is_set(variables: Mapping[str, str], name: str) -> bool:
    """Whether a variable has a value other than `false`, in capitals or not."""
    values = {variables.get(name, ""), variables.get(name.lower(), "")}
    return bool({value.lower() for value in values} - {"", "false"})


def _endpoint_url(variables: Mapping[str, str], region: str) -> str:
    if not _is_set(variables, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        own = variables.get("AWS_ENDPOINT_URL_DYNAMODB") or variables.get("AWS_ENDPOINT_URL")
        if own:
            return own
    return f"https://dynamodb.{region}.amazonaws.com" if _REGION.fullmatch(region) else ""
