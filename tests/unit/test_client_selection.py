"""Which client a function gets, and when the lean one hands over to botocore's."""

from typing import Any

import pytest

from spendgate_service.store.client import Table
from spendgate_service.store.clients.connections import Endpoint
from spendgate_service.store.clients.lean import LeanClient
from spendgate_service.store.clients.responses import Answer
from spendgate_service.store.clients.selection import create_dynamo_client, lean_place
from spendgate_service.store.clients.signing import Credentials
from spendgate_service.store.errors import RequestRejected
from tests.support.engines import lean_client_at

LAMBDA = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
}
"""The variables that Lambda sets."""


def test_a_function_on_lambda_gets_the_lean_client() -> None:
    observed: list[str] = []

    client = create_dynamo_client(
        LAMBDA, now_ms=lambda: 0, observe=lambda metric, _times: observed.append(metric)
    )

    assert isinstance(client, LeanClient)
    assert lean_place(LAMBDA) == (
        Endpoint("https", "dynamodb.eu-west-1.amazonaws.com", 443),
        "eu-west-1",
        Credentials("AKID", "secret", "token"),
    )
    assert observed == []


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000/", "[::1]:8000"),
        ("https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com", None),
        ("https://dynamodb.eu-west-1.api.aws:443", "dynamodb.eu-west-1.api.aws"),
    ],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_another_endpoint_is_taken_over(url: str, authority: str | None, name: str) -> None:
    place = lean_place({**LAMBDA, name: url})

    assert place is not None
    assert place[0].authority == (authority or url.removeprefix("https://"))


def test_an_endpoint_for_dynamodb_comes_before_one_for_all_services() -> None:
    place = lean_place(
        {**LAMBDA, "AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"}
    )
    assert place is not None
    assert place[0].host == "b"


@pytest.mark.parametrize(
    "changed",
    [
        {"AWS_ACCESS_KEY_ID": ""},
        {"AWS_SECRET_ACCESS_KEY": ""},
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "us-iso-east-1"},
        {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
        {"HTTPS_PROXY": "http://proxy:3128"},
        {"https_proxy": "http://proxy:3128"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "True"},
        {"AWS_CA_BUNDLE": "/own.pem"},
        {"AWS_PROFILE": "work"},
        {"AWS_ENDPOINT_URL": "https://host/with/a/path"},
        {"AWS_ENDPOINT_URL": "ftp://host"},
    ],
    ids=str,
)
def test_what_the_lean_client_cannot_do_is_left_to_botocore_and_counted(
    changed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    observed: list[str] = []

    client = create_dynamo_client(
        {**LAMBDA, **changed},
        now_ms=lambda: 0,
        observe=lambda metric, _times: observed.append(metric),
    )

    assert not isinstance(client, LeanClient)
    assert observed == ["client_fallback"]


def test_the_parameter_chooses_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    client = create_dynamo_client({**LAMBDA, "DYNAMO_CLIENT": "boto3"}, now_ms=lambda: 0)
    assert not isinstance(client, LeanClient)


class Fallback:
    """botocore's client: it only notes the calls."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        return {"Attributes": {}}


REFUSED = b'{"__type": "com.amazon.coral.service#%s", "message": "no"}'


@pytest.mark.parametrize(
    "code",
    [b"InvalidSignatureException", b"UnrecognizedClientException", b"ExpiredTokenException"],
)
def test_a_refused_signature_is_the_last_call_of_the_lean_client(code: bytes) -> None:
    observed: list[str] = []
    exchanged: list[bytes] = []
    fallback: Any = Fallback()
    client = lean_client_at(
        "http://dynamodb.test", observe=lambda metric, _times: observed.append(metric)
    )
    client._create_fallback = lambda: fallback

    def exchange(request: bytes) -> Answer:
        exchanged.append(request)
        return Answer(400, {}, REFUSED % code)

    client.exchange = exchange
    table = Table(client, "any")
    for _ in range(3):
        table.update({"pk": {"S": "a"}}, UpdateExpression="SET a = a")

    assert (len(exchanged), len(fallback.calls), observed) == (1, 3, ["client_fallback"])
    assert fallback.calls[0]["UpdateExpression"] == "SET a = a"


def test_a_missing_permission_stays_a_rejection() -> None:
    client = lean_client_at("http://dynamodb.test")
    client.exchange = lambda request: Answer(400, {}, REFUSED % b"AccessDeniedException")  # noqa: ARG005

    with pytest.raises(RequestRejected, match="AccessDenied"):
        Table(client, "any").delete({"pk": {"S": "a"}})


def test_no_secret_is_shown() -> None:
    assert "secret" not in repr(Credentials("AKID", "secret", "secret"))
