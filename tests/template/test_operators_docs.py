"""What the documents for operators name is what the template has."""

import re

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from spendgate_service.api.errors import REFUSALS
from spendgate_service.dead_letters.__main__ import command_line
from tests.support.engines import ROOT, template

DEPLOY = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_every_parameter_is_explained_and_no_other() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?`) \|", DEPLOY, flags=re.MULTILINE)

    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert explained == template()["Parameters"].keys()


@pytest.mark.parametrize("document", [DEPLOY, OPERATIONS], ids=["deploy", "operations"])
def test_an_output_or_resource_that_a_command_asks_for_is_there(document: str) -> None:
    outputs = set(re.findall(r"\$\(output (\w+)\)", document))
    names = set(re.findall(r"\$\(name (\w+)\)", document))
    made_by_sam = {
        f"{function}{event}"
        for function, resource in template()["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {})
    }

    assert outputs <= template()["Outputs"].keys()
    assert names <= template()["Resources"].keys() | made_by_sam
    assert outputs | names


def test_the_region_is_given_by_the_variable_that_the_sdk_reads() -> None:
    _, variable, *_ = BOTOCORE_DEFAUT_SESSION_VARIABLES["region"]

    assert f"export {variable}=" in DEPLOY
    assert f"`{variable}`" in OPERATIONS


def test_a_parameter_that_a_command_changes_is_there() -> None:
    changed = set(re.findall(r"ParameterKey(?:=|!=')([A-Z]\w+)", DEPLOY))

    assert changed == {"TableDeletionProtection"}
    assert changed <= template()["Parameters"].keys()


def test_what_reads_the_stream_comes_again_with_a_change_of_the_table_alone() -> None:
    """CloudFormation learns the ARN of a restored table's stream when it changes the table."""
    resources = template()["Resources"]
    source = resources["PublishFunction"]["Properties"]["Events"]["Changes"]["Properties"]

    assert source["Stream"] == "Table.StreamArn"
    assert resources["Table"]["Properties"]["DeletionProtectionEnabled"] == (
        "TableDeletionProtection"
    )


def test_the_settings_that_a_restored_table_needs_are_those_of_the_template() -> None:
    table = template()["Resources"]["Table"]["Properties"]

    assert f"AttributeName={table['TimeToLiveSpecification']['AttributeName']}" in DEPLOY
    assert f"StreamViewType={table['StreamSpecification']['StreamViewType']}" in DEPLOY


@pytest.mark.parametrize("document", [DEPLOY, OPERATIONS], ids=["deploy", "operations"])
def test_the_dead_letter_commands_are_ones_that_the_command_takes(document: str) -> None:
    commands = re.findall(r"-m spendgate_service\.dead_letters ([^#\n]+)", document)

    assert commands
    for command in commands:
        command_line().parse_args(command.split())


def test_every_metric_of_a_refusal_is_explained() -> None:
    assert all(f"`refused_{code}`" in OPERATIONS for code in REFUSALS)
