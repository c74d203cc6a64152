"""What a deployment asks: a person is asked to confirm, a pipeline is asked nothing."""

import tomllib
from typing import Any

import pytest
import yaml

from tests.support.engines import ROOT, parameter_of, template

_CONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
_ADDONS = ROOT / "docs/addons"


def _deploy(environment: str) -> dict[str, Any]:
    parameters: dict[str, Any] = _CONFIG[environment]["deploy"]["parameters"]
    return parameters


def test_a_person_confirms_and_a_pipeline_does_not() -> None:
    assert _CONFIG.keys() == {"version", "default", "staging", "prod"}
    assert _deploy("default")["confirm_changeset"] is True
    for environment in ("staging", "prod"):
        assert _deploy(environment)["confirm_changeset"] is False
        assert _deploy(environment)["fail_on_empty_changeset"] is False
        assert _deploy(environment)["stack_name"]
    assert _deploy("staging")["stack_name"] != _deploy("prod")["stack_name"]


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_an_environment_sets_parameters_that_are_there(environment: str) -> None:
    pairs = [pair.split("=") for pair in _deploy(environment)["parameter_overrides"].split()]

    assert pairs
    for name, value in pairs:
        allowed = parameter_of(name)["AllowedValues"]
        assert value in [str(choice) for choice in allowed]


def test_a_deployment_needs_no_capability_that_is_not_given() -> None:
    """No role has a name of its own, and no nested stack is expanded."""
    named = [
        name for name, made in template()["Resources"].items() if "RoleName" in made["Properties"]
    ]

    assert not named
    for environment in ("default", "staging", "prod"):
        assert _deploy(environment)["capabilities"] == "CAPABILITY_IAM"


def test_what_a_guided_deployment_writes_is_not_tracked() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    guide = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")

    assert "samconfig.local.toml" in ignored
    assert guide.count("--guided") == guide.count("--guided --config-file") + guide.count(
        "`--guided`"
    )


def test_the_example_of_a_pipeline_uses_the_environments_and_its_own_role() -> None:
    workflow = yaml.safe_load((_ADDONS / "github-deploy.yml").read_text(encoding="utf-8"))
    role = (_ADDONS / "deploy-role.yaml").read_text(encoding="utf-8")

    for name, job in workflow["jobs"].items():
        assert job["environment"] == job["env"]["ENVIRONMENT"] == name
        assert name in _CONFIG
        commands = " ".join(step.get("run", "") for step in job["steps"])
        assert 'sam deploy --config-env "$ENVIRONMENT"' in commands
    assert "environment:${Environment}" in role
    assert 'Action: "*"' not in role and "iam:*" not in role
