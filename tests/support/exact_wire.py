"""The engine in memory behind HTTP: what a real client sends is answered by it.

Signing, parsing and errors are those of the client; only DynamoDB itself is replaced.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError

from tests.support.engines import CLIENT_KIND, REGION, boto_client_at, lean_client_at
from tests.support.exact_table import ExactTable
from tests.support.numbered_calls import body_of, error_answer, json_answer, operation_of


def client_of_dynamodb() -> Any:
    """A client of the kind that is tested, as functions configure it; it reaches no network."""
    url = f"https://dynamodb.{REGION}.amazonaws.com"
    if CLIENT_KIND == "lean":
        return lean_client_at(url)
    return boto_client_at.__wrapped__(url)


def answered_by(engine: ExactTable) -> Callable[[AWSPreparedRequest], AWSResponse]:
    """Return what sends the requests of a client to the engine instead of to AWS."""

    def send(request: AWSPreparedRequest) -> AWSResponse:
        call = getattr(engine, xform_name(operation_of(request)))
        try:
            arguments = json.loads(body_of(request), object_hook=_with_bytes)
            return json_answer(request, 200, call(**arguments))
        except ClientError as refused:
            answer: dict[str, Any] = dict(refused.response)
            error, status = answer.pop("Error"), answer.pop("ResponseMetadata")["HTTPStatusCode"]
            return error_answer(request, status, error["Code"], message=error["Message"], **answer)

    return send


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Decode a binary attribute, which the wire carries as text in base 64."""
    match value:
        case {"B": str(text)}:
            return {"B": base64.b64decode(text)}
        case _:
            return value
