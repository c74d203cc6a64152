"""What a company may choose for its stack: each choice is off by default, and does what it says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.engines import ROOT, parameter_of, properties_of, template
from tests.support.sam import transformed

_NO_VALUE = {"Ref": "AWS::NoValue"}
_OFF = {
    "PermissionsBoundary": "",
    "RolePath": "/",
    "KmsKeyArn": "",
    "ReservedConcurrency": 0,
    "DomainName": "",
    "CertificateArn": "",
    "HostedZoneId": "",
    "DefaultEndpoint": "true",
    "GradualDeployment": "false",
    "TraceSamplingRate": "",
}
_GRADUAL = {"GradualDeployment": "true", "GradualDeploymentType": "Linear10PercentEvery1Minute"}
_WITH_DATA = (
    "Admin", "Authorizer", "Check", "Notify", "Publish", "Reserve", "Rollover", "Settle",
)  # fmt: skip
_FUNCTIONS = (*_WITH_DATA, "Console")


def _of_type(kind: str, **parameters: str) -> dict[str, Any]:
    resources = transformed(**parameters)["Resources"]
    return {
        name: resource.get("Properties", {})
        for name, resource in resources.items()
        if resource["Type"] == kind
    }


def _if(condition: str, then: object, otherwise: object = _NO_VALUE) -> dict[str, Any]:
    return {"Fn::If": [condition, then, otherwise]}


@pytest.mark.parametrize(("name", "value"), _OFF.items())
def test_a_choice_is_off_by_default(name: str, value: object) -> None:
    assert parameter_of(name)["Default"] == value


def test_what_a_choice_creates_is_not_created_by_default() -> None:
    conditions = {
        name: resource.get("Condition") for name, resource in transformed()["Resources"].items()
    }

    assert conditions["KeyUse"] == "HasOwnKey"
    assert conditions["ApiDomain"] == conditions["ApiDomainMapping"] == "HasDomain"
    assert conditions["ApiDomainRecord"] == "WritesRecord"
    assert conditions["DeploymentRole"] == "DeploysGradually"
    assert conditions["TraceSampling"] == "SamplesTraces"


def test_every_role_has_the_boundary_and_the_path() -> None:
    roles = _of_type("AWS::IAM::Role", **_GRADUAL)

    assert len(roles) == len(_FUNCTIONS) + 2
    for properties in roles.values():
        assert properties["Path"] == {"Ref": "RolePath"}
        assert properties["PermissionsBoundary"] == _if(
            "HasBoundary", {"Ref": "PermissionsBoundary"}
        )


def test_an_own_key_encrypts_the_table_the_logs_the_queues_and_the_topics() -> None:
    own_key = _if("HasOwnKey", {"Ref": "KmsKeyArn"})
    (table,) = _of_type("AWS::DynamoDB::Table").values()

    assert table["SSESpecification"]["KMSMasterKeyId"] == own_key
    for properties in _of_type("AWS::Logs::LogGroup").values():
        assert properties["KmsKeyId"] == own_key
    for properties in _of_type("AWS::SQS::Queue").values():
        assert properties["KmsMasterKeyId"] == own_key
    topics = _of_type("AWS::SNS::Topic")
    assert topics["AlarmTopic"]["KmsMasterKeyId"] == own_key
    assert topics["EventTopic"]["KmsMasterKeyId"] == _if(
        "HasOwnKey", {"Ref": "KmsKeyArn"}, {"Ref": "EventTopicKey"}
    )


def test_every_function_may_use_an_own_key_through_the_table_and_the_queues_only() -> None:
    key_use = _of_type("AWS::IAM::Policy")["KeyUse"]
    (statement,) = key_use["PolicyDocument"]["Statement"]

    assert key_use["Roles"] == [{"Ref": f"{function}Role"} for function in _WITH_DATA]
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    assert statement["Condition"] == {
        "StringEquals": {
            "kms:ViaService": [
                {"Fn::Sub": "dynamodb.${AWS::Region}.amazonaws.com"},
                {"Fn::Sub": "sqs.${AWS::Region}.amazonaws.com"},
            ]
        }
    }


def test_concurrency_is_reserved_for_the_functions_that_callers_wait_for() -> None:
    reserved = {
        name.removesuffix("Function"): properties["ReservedConcurrentExecutions"]
        for name, properties in _of_type("AWS::Lambda::Function").items()
        if "ReservedConcurrentExecutions" in properties
    }

    assert reserved.keys() == {"Authorizer", "Check", "Reserve", "Settle"}
    for value in reserved.values():
        assert value == _if("ReservesConcurrency", {"Ref": "ReservedConcurrency"})


def test_a_domain_serves_the_api_and_may_close_the_default_endpoint() -> None:
    resources = transformed()["Resources"]
    (configuration,) = resources["ApiDomain"]["Properties"]["DomainNameConfigurations"]
    body = resources["Api"]["Properties"]["Body"]

    assert configuration["CertificateArn"] == {"Ref": "CertificateArn"}
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    assert resources["ApiDomainMapping"]["Properties"] == {
        "ApiId": {"Ref": "Api"},
        "DomainName": {"Ref": "ApiDomain"},
        "Stage": {"Ref": "ApiApiGatewayDefaultStage"},
    }
    assert body["servers"][0]["x-amazon-apigateway-endpoint-configuration"] == {
        "disableExecuteApiEndpoint": _if("ClosesDefaultEndpoint", then=True, otherwise=False)
    }
    assert transformed()["Outputs"]["ApiUrl"]["Value"]["Fn::If"][:2] == [
        "HasDomain",
        {"Fn::Sub": "https://${DomainName}"},
    ]


def test_every_event_reaches_a_function_by_its_alias() -> None:
    text = str(
        [
            properties
            for kind in ("ApiGatewayV2::Api", "Lambda::EventSourceMapping", "Scheduler::Schedule")
            for properties in _of_type(f"AWS::{kind}").values()
        ]
    )

    assert not re.findall(r"\w+Function\b", text)
    assert set(re.findall(r"(\w+)FunctionAliaslive", text)) == set(_FUNCTIONS)


def _versions(core_layer: str = "s3://bucket/key") -> set[str]:
    resources = transformed(core_layer)["Resources"]
    return {name for name, made in resources.items() if made["Type"] == "AWS::Lambda::Version"}


def test_a_change_of_our_code_publishes_a_version_of_every_function() -> None:
    changed = _versions("s3://bucket/another")

    assert len(changed) == len(_FUNCTIONS)
    assert not changed & _versions()


def _flat(value: Any) -> Iterator[str]:
    """Every text in nested lists: a value, or the branches of an Fn::If and its condition."""
    if isinstance(value, str):
        yield value
        if value in template()["Conditions"]:
            yield from _flat(template()["Conditions"][value])
    else:
        for part in value:
            yield from _flat(part)


def test_a_changed_parameter_that_a_function_reads_publishes_a_version() -> None:
    """CloudFormation replaces a version when its description changes, not for a parameter alone."""
    environment = template()["Globals"]["Function"]["Environment"]["Variables"].values()
    parameters = template()["Parameters"].keys()
    common = {"Architecture", *environment} & parameters

    for function in _FUNCTIONS:
        properties = properties_of(f"{function}Function")
        values = _flat(list(properties["Environment"]["Variables"].values()))
        own = {name for value in values for name in re.findall(r"\w+", value)} & parameters
        described = re.findall(r"\$\{(\w+)\}", properties["VersionDescription"])
        assert set(described) == common | own
        assert properties["AutoPublishAliasAllProperties"] is True


def test_a_gradual_deployment_returns_to_the_old_version_when_an_alarm_goes_off() -> None:
    groups = _of_type("AWS::CodeDeploy::DeploymentGroup", **_GRADUAL)
    alias = transformed(**_GRADUAL)["Resources"]["ReserveFunctionAliaslive"]

    assert not _of_type("AWS::CodeDeploy::DeploymentGroup")
    assert groups.keys() == {f"{function}FunctionDeploymentGroup" for function in _WITH_DATA}
    assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]
    for properties in groups.values():
        condition, watched, _ = properties["AlarmConfiguration"]["Fn::If"]
        assert condition == "HasAlarms"
        assert {alarm["Name"]["Ref"] for alarm in watched["Alarms"]} >= {"RequestsUnanswered"}
        assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"]
        assert "Linear10PercentEvery1Minute" in str(properties["DeploymentConfigName"])


def test_traces_are_sampled_at_the_chosen_rate() -> None:
    (properties,) = _of_type("AWS::XRay::SamplingRule").values()
    rule = properties["SamplingRule"]
    pattern = parameter_of("TraceSamplingRate")["AllowedPattern"]

    assert rule["FixedRate"] == {"Ref": "TraceSamplingRate"}
    assert rule["ServiceName"] == {"Fn::Sub": "${AWS::StackName}-*"}
    assert all(re.fullmatch(pattern, rate) for rate in ("", "0", "0.05", "1"))
    assert not any(re.fullmatch(pattern, rate) for rate in ("1.5", "-1", "5%", "."))


def test_a_finding_of_the_scanner_is_skipped_beside_its_resource_and_with_a_reason() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    skipped = re.findall(r"checkov:skip=(.*)", text)

    assert skipped
    assert all(re.fullmatch(r"CKV2?_AWS_\d+:[A-Z].{20,}\.", skip) for skip in skipped)
