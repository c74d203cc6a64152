"""Creates the routes of the emulated HTTP API.

In AWS the routes come from the OpenAPI document that SAM writes into the API's `Body`. The emulator
ignores that document, so this module reads it and creates the routes through the API's calls.
"""

import json
import re
import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from local.console import LocalStackError, step
from local.deploy import DeployedStack, deployed_template
from local.emulator.account import aws_client, aws_environment, endpoint_url
from local.paths import API_ID_FILE, MINISTACK_PYTHON, ROOT
from local.ports import Ports

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_DEFAULT_ROUTE = "$default"
_ALIAS = "live"
_FUNCTION_IN_URI = re.compile(rf"\$\{{(\w+)Alias{_ALIAS}\}}/invocations")


@dataclass(frozen=True)
class Route:
    """One route of the document: its function, and whether it requires an API key."""

    key: str
    function: str
    authorized: bool


@dataclass(frozen=True)
class ApiDefinition:
    """The API of the document, in the template's logical ids."""

    routes: tuple[Route, ...]
    authorizer_name: str
    authorizer_function: str
    identity_source: tuple[str, ...]
    ttl_seconds: int


def put_routes(ports: Ports, stack: DeployedStack) -> None:
    """Create the routes of the deployed template, unless they exist already."""
    definition = read_definition(
        _expanded_template(ports), stack.parameters, deployed=stack.physical_ids
    )
    api: Any = aws_client("apigatewayv2", endpoint_url(ports))
    api_id = stack.physical_ids["Api"]
    API_ID_FILE.write_text(api_id)
    arns = _function_arns(ports, stack)
    if _is_current(api, api_id, definition, arns):
        return
    with step(f"Creating {len(definition.routes)} routes of the API"):
        _remove_routes(api, api_id)
        _create_routes(api, api_id, definition, arns)


def read_definition(
    expanded: Mapping[str, Any], parameters: Mapping[str, str], *, deployed: Collection[str]
) -> ApiDefinition:
    """Read the API from the template that the SAM transform produced.

    Routes of a function that is not deployed, because of its condition, are left out.
    """
    body = expanded["Resources"]["Api"]["Properties"]["Body"]
    routes = [
        route
        for path, operations in body["paths"].items()
        for method, operation in _present(operations).items()
        if (route := _route(path, method, _present(operation))).function in deployed
    ]
    [(name, scheme)] = body["components"]["securitySchemes"].items()
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    return ApiDefinition(
        routes=tuple(sorted(routes, key=lambda route: route.key)),
        authorizer_name=name,
        authorizer_function=authorizer["authorizerUri"]["Fn::Sub"][1]["__FunctionArn__"][
            "Ref"
        ].removesuffix(f"Alias{_ALIAS}"),
        identity_source=tuple(authorizer["identitySource"]),
        ttl_seconds=_chosen(
            authorizer["authorizerResultTtlInSeconds"], expanded["Conditions"], parameters
        ),
    )


def _chosen(value: Any, conditions: Mapping[str, Any], parameters: Mapping[str, str]) -> int:
    """Follow `Fn::If` to its number."""
    while isinstance(value, Mapping):
        condition, chosen, otherwise = value["Fn::If"]
        value = chosen if _is_true(conditions[condition], parameters) else otherwise
    return int(value)


def _is_true(condition: Any, parameters: Mapping[str, str]) -> bool:
    match condition:
        case {"Fn::Not": [inner]}:
            return not _is_true(inner, parameters)
        case {"Fn::Equals": [{"Ref": name}, expected]}:
            return bool(parameters[name] == expected)
    raise LocalStackError(f"The emulator cannot evaluate this condition: {condition}")


def _present(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what SAM wraps in an `Fn::If` when a function has a condition."""
    return node["Fn::If"][1] if "Fn::If" in node else node


def _route(path: str, method: str, operation: Mapping[str, Any]) -> Route:
    uri = _present(operation["x-amazon-apigateway-integration"]["uri"])["Fn::Sub"]
    found = _FUNCTION_IN_URI.search(uri)
    if found is None:
        raise LocalStackError(f"The route {method} {path} has no function: {uri}")
    security = [name for scheme in operation.get("security", []) for name in scheme]
    return Route(
        key=f"{method.upper()} {path}" if method in _METHODS else _DEFAULT_ROUTE,
        function=found.group(1),
        authorized=security not in ([], ["NONE"]),
    )


def _expanded_template(ports: Ports) -> Mapping[str, Any]:
    done = subprocess.run(
        [str(MINISTACK_PYTHON), "-m", "local.emulator.sam_transform"],
        input=deployed_template(ports),
        cwd=ROOT,
        env=aws_environment(ports),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LocalStackError(f"The SAM transform rejects the template:\n{done.stderr[-2000:]}")
    expanded: Mapping[str, Any] = json.loads(done.stdout)
    return expanded


def _function_arns(ports: Ports, stack: DeployedStack) -> dict[str, str]:
    functions: Any = aws_client("lambda", endpoint_url(ports))
    by_name = {
        function["FunctionName"]: function["FunctionArn"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
    }
    return {
        logical_id: f"{by_name[physical_id]}:{_ALIAS}"
        for logical_id, physical_id in stack.physical_ids.items()
        if physical_id in by_name
    }


def _is_current(api: Any, api_id: str, definition: ApiDefinition, arns: Mapping[str, str]) -> bool:
    uris = {
        f"integrations/{item['IntegrationId']}": item["IntegrationUri"]
        for item in _all(api.get_integrations, api_id)
    }
    authorizers = {
        (item["AuthorizerUri"], item["AuthorizerResultTtlInSeconds"])
        for item in _all(api.get_authorizers, api_id)
    }
    found = {
        (item["RouteKey"], uris.get(item["Target"]), item["AuthorizationType"] == "CUSTOM")
        for item in _all(api.get_routes, api_id)
    }
    wanted = {
        (route.key, _invocation_uri(arns[route.function]), route.authorized)
        for route in definition.routes
    }
    authorizer = (_invocation_uri(arns[definition.authorizer_function]), definition.ttl_seconds)
    return found == wanted and authorizers == {authorizer}


def _remove_routes(api: Any, api_id: str) -> None:
    for item in _all(api.get_routes, api_id):
        api.delete_route(ApiId=api_id, RouteId=item["RouteId"])
    for item in _all(api.get_integrations, api_id):
        api.delete_integration(ApiId=api_id, IntegrationId=item["IntegrationId"])
    for item in _all(api.get_authorizers, api_id):
        api.delete_authorizer(ApiId=api_id, AuthorizerId=item["AuthorizerId"])


def _create_routes(
    api: Any, api_id: str, definition: ApiDefinition, arns: Mapping[str, str]
) -> None:
    authorizer = api.create_authorizer(
        ApiId=api_id,
        AuthorizerType="REQUEST",
        Name=definition.authorizer_name,
        AuthorizerUri=_invocation_uri(arns[definition.authorizer_function]),
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        IdentitySource=list(definition.identity_source),
        AuthorizerResultTtlInSeconds=definition.ttl_seconds,
    )["AuthorizerId"]
    integrations = {
        function: api.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationMethod="POST",
            IntegrationUri=_invocation_uri(arns[function]),
            PayloadFormatVersion="2.0",
        )["IntegrationId"]
        for function in {route.function for route in definition.routes}
    }
    for route in definition.routes:
        authorization = (
            {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer} if route.authorized else {}
        )
        api.create_route(
            ApiId=api_id,
            RouteKey=route.key,
            Target=f"integrations/{integrations[route.function]}",
            **authorization,
        )


def _all(list_items: Callable[..., Mapping[str, Any]], api_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = list_items(ApiId=api_id, MaxResults="1000")["Items"]
    return items


def _invocation_uri(function_arn: str) -> str:
    region = function_arn.split(":")[3]
    return (
        f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    )
