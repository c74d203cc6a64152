"""DynamoDB's port without botocore: JSON over HTTP, signed, checked, and sent once.

It takes and returns what boto3's client does, so the one can stand for the other. Bytes travel as
base64 under `B`. A response is valid if it is whole, its CRC32 is the one of its header, and it is
a JSON object; any other is `NoAnswer`, since DynamoDB may have applied the call.

If AWS refuses the signature or the credentials, nothing was applied: the call is made again by
botocore's client, which has more ways to find credentials, and so is every later one.
"""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from spendgate_service.metrics import Observe, unobserved
from spendgate_service.store.clients import DynamoClient, ErrorAnswer, NoAnswer
from spendgate_service.store.clients.connections import (
    Connections,
    Endpoint,
    require_checksum,
)
from spendgate_service.store.clients.responses import Answer
from spendgate_service.store.clients.signing import Credentials, Signer

_REFUSED_SIGNATURE_CODES = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""DynamoDB checks the signature before all else: a call with one of these was not applied."""

_CONTENT_TYPE = "application/x-amz-json-1.0"


class LeanClient:
    """DynamoDB's port over HTTP. `exchange` is for tests that stand for the network."""

    def __init__(
        self,
        endpoint: Endpoint,
        region: str,
        credentials: Credentials,
        *,
        connections: Connections,
        create_fallback: Callable[[], DynamoClient],
        observe: Observe = unobserved,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._authority = endpoint.authority
        self._signer = Signer(credentials, region)
        self.exchange = connections.exchange
        self._close = connections.close
        self._create_fallback = create_fallback
        self._observe = observe
        self._now_seconds = now_seconds
        self._fallback: DynamoClient | None = None

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """GetItem."""
        return self._call("get_item", "GetItem", arguments)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """BatchGetItem."""
        return self._call("batch_get_item", "BatchGetItem", arguments)

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Query."""
        return self._call("query", "Query", arguments)

    def scan(self, **arguments: Any) -> dict[str, Any]:
        """Scan."""
        return self._call("scan", "Scan", arguments)

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """PutItem."""
        return self._call("put_item", "PutItem", arguments)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """UpdateItem."""
        return self._call("update_item", "UpdateItem", arguments)

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        """DeleteItem."""
        return self._call("delete_item", "DeleteItem", arguments)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """TransactWriteItems, without a token: it is sent once."""
        return self._call("transact_write_items", "TransactWriteItems", arguments)

    def close(self) -> None:
        """Close the connections that no call uses."""
        self._close()

    def _call(self, method: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self._fallback is None:
            try:
                return read_answer(self.exchange(self._request(operation, arguments)))
            except ErrorAnswer as error:
                if error.code not in _REFUSED_SIGNATURE_CODES:
                    raise
                self._observe("client_fallback", 1)
                self._fallback = self._create_fallback()
        call: Callable[..., dict[str, Any]] = getattr(self._fallback, method)
        return call(**arguments)

    def _request(self, operation: str, arguments: dict[str, Any]) -> bytes:
        body = _JSON.encode(arguments).encode()
        headers = {
            "content-type": _CONTENT_TYPE,
            "host": self._authority,
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        signed = self._signer.headers(headers, body, self._now_seconds())
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        more = f"user-agent: spendgate\r\ncontent-length: {len(body)}\r\n"
        return f"POST / HTTP/1.1\r\n{lines}{more}\r\n".encode() + body


def read_answer(answer: Answer) -> dict[str, Any]:
    """Return the result of a response. Raises ErrorAnswer, and NoAnswer if it is not valid."""
    require_checksum(answer.headers.get("x-amz-crc32"), answer.body)
    if answer.status >= 300:
        raise _error_answer(answer)
    try:
        result = _parse(answer.body)
    except ValueError as error:
        raise NoAnswer(f"the response of DynamoDB is no JSON: {error}") from error
    if not isinstance(result, dict):
        raise NoAnswer("the response of DynamoDB is no JSON object")
    return result


def _error_answer(answer: Answer) -> ErrorAnswer:
    try:
        body = _parse(answer.body)
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    code = str(body.get("__type") or answer.status).partition(":")[0].rpartition("#")[2]
    message = str(body.get("message") or body.get("Message") or "")
    return ErrorAnswer(code, message, answer.status, body)


def _parse(body: bytes) -> Any:
    return json.loads(body, object_hook=_bytes_of if b'"B"' in body else None)


def _bytes_of(value: dict[str, Any]) -> dict[str, Any]:
    """Turn the base64 of an attribute value into bytes: `B` of any other object is no text."""
    if len(value) == 1 and isinstance(value.get("B"), str):
        return {"B": b64decode(value["B"])}
    return value


def _base64(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no value of DynamoDB")


_JSON = json.JSONEncoder(separators=(",", ":"), default=_base64)
