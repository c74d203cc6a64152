"""What the template promises about secrecy: nothing wider than it must be, nothing in the clear."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.support.engines import ROOT, template

_RESOURCES: dict[str, Any] = template()["Resources"]

type Statement = dict[str, Any]


def _of_type(kind: str) -> dict[str, Any]:
    return {
        name: resource.get("Properties", {})
        for name, resource in _RESOURCES.items()
        if resource["Type"] == kind
    }


def _statements(node: Any) -> Iterator[Statement]:
    """Every statement of every policy, wherever it stands, also below an `!If`."""
    match node:
        case {"Effect": str()}:
            yield node
        case dict():
            for inner in node.values():
                yield from _statements(inner)
        case list():
            for inner in node:
                yield from _statements(inner)


def _all(kind: str, statement: Statement) -> list[str]:
    value = statement.get(kind, [])
    return [value] if isinstance(value, str) else list(value)


def _allowing() -> list[Statement]:
    found = [statement for statement in _statements(_RESOURCES) if statement["Effect"] == "Allow"]
    assert len(found) > 20
    return found


def test_no_wildcard_stands_without_its_reason() -> None:
    """The line above a resource `*` says why, but in a key's own policy, where `*` is that key."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    of_keys = sum(
        len(list(_statements(resource))) for resource in _of_type("AWS::KMS::Key").values()
    )

    unexplained = re.findall(r'^(?! *#).*\n *Resource: "\*"$', text, flags=re.MULTILINE)

    assert len(unexplained) == of_keys


def test_an_action_is_named_but_for_the_account_over_its_own_key() -> None:
    with_wildcard = [
        allowed
        for allowed in _allowing()
        if any("*" in action for action in _all("Action", allowed))
    ]

    assert [wild["Action"] for wild in with_wildcard] == ["kms:*"] * len(_of_type("AWS::KMS::Key"))
    for statement in with_wildcard:
        assert statement["Principal"]["AWS"].endswith(":${AWS::AccountId}:root")


def test_everybody_may_do_something_under_a_condition_only() -> None:
    for statement in _allowing():
        if statement.get("Principal") == "*":
            assert statement["Condition"]


def test_another_service_is_let_in_for_this_account_or_this_resource_only() -> None:
    """Lambda's own assuming of a role is bound by the function that has the role.

    To a topic and its key EventBridge says nothing of whose rule it is: SECURITY.md owns to it.
    """
    for statement in _allowing():
        of_topic = _all("Action", statement)[0].startswith(("kms:", "sns:"))
        if statement.get("Principal") == {"Service": "events.amazonaws.com"} and not of_topic:
            conditions = {
                name for condition in statement["Condition"].values() for name in condition
            }
            assert conditions & {"aws:SourceArn", "aws:SourceAccount"}


def test_everything_that_keeps_data_encrypts_it() -> None:
    for properties in _of_type("AWS::DynamoDB::Table").values():
        assert properties["SSESpecification"]["SSEEnabled"] is True
    queues = _of_type("AWS::SQS::Queue")
    assert queues
    for properties in queues.values():
        assert properties["SqsManagedSseEnabled"] == ["HasOwnKey", False, True]
    for name, properties in _of_type("AWS::SNS::Topic").items():
        _, own_key, otherwise = properties["KmsMasterKeyId"]
        assert own_key == "KmsKeyArn"
        # An alarm names a metric and a number; nothing of a tenant passes the topic of alarms.
        assert otherwise == "EventTopicKey" or name == "AlarmTopic"


def test_no_queue_takes_what_is_not_encrypted_on_the_way() -> None:
    queues = set(_of_type("AWS::SQS::Queue"))
    guarded: set[str] = set()
    for properties in _of_type("AWS::SQS::QueuePolicy").values():
        for statement in _statements(properties):
            if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}:
                assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
                assert statement["Action"] == "sqs:*"
                guarded |= {arn.removesuffix(".Arn") for arn in _all("Resource", statement)}

    assert guarded == queues


def test_no_secret_is_in_the_environment_of_a_function() -> None:
    names = {
        name
        for properties in (
            template()["Globals"]["Function"], *_of_type("AWS::Serverless::Function").values()
        )
        for name in properties.get("Environment", {}).get("Variables", {})
    }  # fmt: skip

    assert names
    assert not [
        variable
        for variable in names
        if re.search(r"SECRET|TOKEN|PASSWORD|API_KEY|CREDENTIAL", variable)
    ]


def test_the_access_log_has_neither_keys_nor_queries() -> None:
    log_format = _RESOURCES["Api"]["Properties"]["AccessLogSettings"]["Format"]

    assert not re.search(
        r"authorization|header|\$context\.path|querystring", log_format, re.IGNORECASE
    )


def test_the_access_log_says_which_key_used_which_route() -> None:
    log_format = _RESOURCES["Api"]["Properties"]["AccessLogSettings"]["Format"]

    assert json.loads(log_format).items() >= {
        ("route", "$context.routeKey"),
        ("keyId", "$context.authorizer.key_id"),
        ("tenant", "$context.authorizer.tenant_id"),
    }
