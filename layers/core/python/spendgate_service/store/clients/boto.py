"""botocore's client: how it is configured and created, and what its exceptions mean.

The SDK repeats nothing by itself: it would repeat an `UpdateItem` whose first try may have been
applied. A connection that Lambda's freezing left idle is not trusted (`drop_idle_connections`):
its other end may be gone, and a write on it would end without a response, as a 503 for nothing but
a pause.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from spendgate_service.store.clients import DynamoClient, ErrorAnswer, Failure, NoAnswer, NotSent
from spendgate_service.store.clients.connections import (
    CONNECT_SECONDS_MAX,
    CONNECTIONS_MAX,
    IDLE_MS_MAX,
    READ_SECONDS_MAX,
    require_checksum,
)

CLIENT_CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    connect_timeout=CONNECT_SECONDS_MAX,
    read_timeout=READ_SECONDS_MAX,
    max_pool_connections=CONNECTIONS_MAX,
    tcp_keepalive=True,
    parameter_validation=False,
    user_agent="spendgate",  # else botocore composes one anew, twice a call: a tenth of its CPU
)

MESSAGING_CONFIG = Config(
    retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=1, read_timeout=3
)
"""So short that the function can still report its batch when a queue or the bus does not answer."""


class _ServiceLoader(Loader):
    """Lists the services that Spendgate calls: botocore's loader searches 400 folders for them."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002
        return ["dynamodb", "events", "sqs"]


def create_function_client(now_ms: Callable[[], int]) -> DynamoClient:
    """Create botocore's client of DynamoDB for a function."""
    client = create_client("dynamodb", CLIENT_CONFIG, now_ms)
    refuse_partial_responses(client)
    return cast("DynamoClient", client)


def create_command_client(*, endpoint_url: str | None = None) -> DynamoClient:
    """Create boto3's client of DynamoDB for a command: it knows profiles, roles and sign-on."""
    import boto3  # noqa: PLC0415 (functions do without it)

    client = boto3.client("dynamodb", endpoint_url=endpoint_url, config=CLIENT_CONFIG)
    refuse_partial_responses(client)
    return cast("DynamoClient", client)


def create_client(service: str, config: Config, now_ms: Callable[[], int]) -> Any:
    """Create a client of one of the three services that drops idle connections."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _ServiceLoader())
    client = session.create_client(service, config=config)
    drop_idle_connections(client, now_ms)
    return client


def drop_idle_connections(client: Any, now_ms: Callable[[], int]) -> None:
    """Close the connections of a client of the SDK before its first call after a pause."""
    used_at_ms = now_ms()
    lock = Lock()

    def before_call(**_about_the_call: object) -> None:
        nonlocal used_at_ms
        with lock:
            called_at_ms = now_ms()
            if called_at_ms - used_at_ms > IDLE_MS_MAX:
                client.close()
            used_at_ms = called_at_ms

    client.meta.events.register("before-call", before_call)


def refuse_partial_responses(client: Any) -> None:
    """Raise NoAnswer for a response that is not whole: the SDK takes one for an empty result."""

    def after_call(http_response: Any, **_about_the_call: object) -> None:
        headers, body = http_response.headers, http_response.content
        is_empty = not body and http_response.status_code < 300
        if is_empty or headers.get("content-length") not in {None, str(len(body))}:
            raise NoAnswer("the response of DynamoDB is not whole")
        require_checksum(headers.get("x-amz-crc32"), body)

    client.meta.events.register("after-call", after_call)


def explain_botocore(error: Exception) -> Failure | None:
    """Return what an exception of botocore means; None if it is another's."""
    if isinstance(error, ClientError):
        answer: dict[str, Any] = dict(error.response)
        code, message = (answer.get("Error", {}).get(name, "") for name in ("Code", "Message"))
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return ErrorAnswer(code, message, status, answer)
    if isinstance(error, ConnectTimeoutError | EndpointConnectionError):
        return NotSent(str(error))
    if isinstance(error, BotoCoreError | ResponseParserError):
        return NoAnswer(str(error))
    return None
