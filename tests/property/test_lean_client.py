"""The lean client against botocore: the same signature, the same request, the same reading.

The kind: for every request and every response, the two clients are one to the store.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.store.clients import ErrorAnswer, explain
from spendgate_service.store.clients.connections import Endpoint
from spendgate_service.store.clients.lean import read_answer
from spendgate_service.store.clients.responses import Answer
from spendgate_service.store.clients.selection import lean_place
from spendgate_service.store.clients.signing import Credentials, Signer
from tests.support.engines import lean_client_at

_SESSION = botocore.session.get_session()
_MODEL: Any = _SESSION.get_service_model("dynamodb")
_PARSER: Any = create_parser("json")
_SERIALIZER = create_serializer("json", include_validation=False)

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
values = st.recursive(
    st.one_of(
        texts.map(lambda text: {"S": text}),
        numbers.map(lambda number: {"N": number}),
        st.booleans().map(lambda flag: {"BOOL": flag}),
        st.binary(max_size=20).map(lambda data: {"B": data}),
        st.just({"NULL": True}),
        st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda words: {"SS": words}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(texts, inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=8,
)
names = st.sampled_from(["pk", "sk", "B", "S", "Item", "__type", "é"])
items = st.dictionaries(names, values, max_size=5)


def _on_the_wire(answer: Any) -> bytes:
    """JSON as DynamoDB sends it, with bytes as base64."""
    request = _SERIALIZER.serialize_to_request(
        {"TableName": "t", "Item": answer}, _MODEL.operation_model("PutItem")
    )
    return json.dumps(json.loads(request["body"])["Item"]).encode()


@given(
    body=st.binary(max_size=200),
    region=st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-2"]),
    host=st.sampled_from(
        ["dynamodb.us-east-1.amazonaws.com", "localhost:8000", "[::1]:8000", "127.0.0.1:8000"]
    ),
    operation=st.sampled_from(["GetItem", "UpdateItem", "TransactWriteItems"]),
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
    token=st.one_of(st.just(""), st.text("abc/+=", min_size=1, max_size=30)),
    moments=st.lists(
        st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1)),  # noqa: DTZ001
        min_size=1,
        max_size=3,
    ),
)
def test_a_signature_is_the_one_of_botocore(
    body: bytes,
    region: str,
    host: str,
    operation: str,
    key: str,
    token: str,
    moments: list[dt.datetime],
) -> None:
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-target": f"DynamoDB_20120810.{operation}",
    }
    signer = Signer(Credentials("AKID", key, token), region)
    for moment in moments:
        at = moment.replace(tzinfo=dt.UTC)
        request = AWSRequest("POST", f"https://{host}/", dict(headers), body)
        auth: Any = botocore.auth.SigV4Auth(
            BotocoreCredentials("AKID", key, token or None), "dynamodb", region
        )
        request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
        auth._modify_request_before_signing(request)  # adds the date and the token
        request.headers.replace_header("X-Amz-Date", request.context["timestamp"])
        canonical = auth.canonical_request(request)
        auth._inject_signature_to_request(
            request, auth.signature(auth.string_to_sign(request, canonical), request)
        )

        signed = signer.headers(headers, body, at.timestamp())

        assert signed["authorization"] == request.headers["Authorization"]


@given(item=items)
def test_a_request_says_what_that_of_botocore_says(item: Mapping[str, Any]) -> None:
    sent: list[bytes] = []
    client = lean_client_at("http://dynamodb.test")

    def exchange(request: bytes) -> Answer:
        sent.append(request)
        return Answer(200, {}, b"{}")

    client.exchange = exchange
    arguments: dict[str, Any] = {
        "TableName": "t",
        "Item": item,
        "ExpressionAttributeValues": item,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }

    assert client.put_item(**arguments) == {}

    request = _SERIALIZER.serialize_to_request(arguments, _MODEL.operation_model("PutItem"))
    head, _, body = sent[0].partition(b"\r\n\r\n")
    assert json.loads(body) == json.loads(request["body"])
    assert f"content-length: {len(body)}".encode() in head
    assert request["headers"]["X-Amz-Target"].encode() in head
    assert request["headers"]["Content-Type"].encode() in head


@given(item=items)
def test_a_result_is_read_as_botocore_reads_it(item: Mapping[str, Any]) -> None:
    body = b'{"Item":' + _on_the_wire(item) + b"}"

    ours = read_answer(Answer(200, {}, body))

    shape = _MODEL.operation_model("GetItem").output_shape
    theirs = _PARSER.parse({"status_code": 200, "headers": {}, "body": body}, shape)
    theirs.pop("ResponseMetadata")
    assert ours == theirs


codes = st.sampled_from(
    [
        "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "com.amazon.coral.validate#ValidationException",
        "com.amazonaws.dynamodb.v20120810#InternalServerError:http://internal.amazon.com/coral/",
        "ThrottlingException",
        None,
    ]
)
reasons = st.lists(
    st.one_of(
        st.just({"Code": "None"}),
        st.just({"Code": "TransactionConflict", "Message": "conflict"}),
        items.map(lambda item: {"Code": "ConditionalCheckFailed", "Item": item}),
    ),
    min_size=1,
    max_size=4,
)


@given(
    code=codes,
    message=st.sampled_from([{"message": "no"}, {"Message": "no"}, {}]),
    status=st.sampled_from([400, 413, 500, 503]),
    item=items,
    cancelled=reasons,
)
def test_an_error_is_read_as_botocore_reads_it(
    code: str | None,
    message: dict[str, str],
    status: int,
    item: Mapping[str, Any],
    cancelled: list[dict[str, Any]],
) -> None:
    said: dict[str, Any] = dict(message)
    if code:
        said["__type"] = code
    if "Conditional" in str(code):
        said["Item"] = json.loads(_on_the_wire(item))
    if "Cancel" in str(code):
        said["CancellationReasons"] = [
            {
                name: json.loads(_on_the_wire(value)) if name == "Item" else value
                for name, value in reason.items()
            }
            for reason in cancelled
        ]
    body = json.dumps(said).encode()

    with pytest.raises(ErrorAnswer) as raised:
        read_answer(Answer(status, {}, body))

    ours = raised.value
    theirs = explain(_error_of_botocore(status, body))
    assert isinstance(theirs, ErrorAnswer)
    assert (ours.code, ours.message, ours.status) == (theirs.code, theirs.message, theirs.status)
    for name in ("Item", "CancellationReasons"):
        assert ours.answer.get(name) == theirs.answer.get(name)


def _error_of_botocore(status: int, body: bytes) -> ClientError:
    """What botocore's client raises: the parsed error with the fields of its own shape."""
    response = {"status_code": status, "headers": {}, "body": body}
    parsed = _PARSER.parse(response, _MODEL.operation_model("UpdateItem").output_shape)
    shape = _MODEL.shape_for_error_code(parsed["Error"]["Code"])
    if shape:
        parsed.update(_PARSER.parse(response, shape))
    return ClientError(parsed, "UpdateItem")


def test_the_lean_client_is_for_hosts_that_botocore_names_alike() -> None:
    """Every region of every partition: the same host as botocore's, or not covered."""
    covered = 0
    for partition in _SESSION.get_available_partitions():
        for region in _SESSION.get_available_regions("dynamodb", partition):
            variables = {
                "AWS_REGION": region,
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
            }
            place = lean_place(variables)
            client = _SESSION.create_client(
                "dynamodb", region, aws_access_key_id="a", aws_secret_access_key="b"
            )
            if place is not None:
                assert place[0] == Endpoint.of(client.meta.endpoint_url), region
                covered += 1
    assert covered >= 30
