"""template.yaml after the SAM transform, as CloudFormation deploys it."""

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.support.engines import REGION, ROOT

_URI = "s3://bucket/key"


class _NoManagedPolicies:
    """The template names no AWS managed policy, so there is none to look up."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def _parsed() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


@cache
def transformed(core_layer: str = _URI, /, **parameters: str) -> dict[str, Any]:
    """The template transformed with these parameters, intrinsic functions in their long form."""
    parsed = deepcopy(_parsed())
    for name, resource in parsed["Resources"].items():
        for uri in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            # `sam package` uploads the code.
            resource["Properties"][uri] = core_layer if name == "CoreLayer" else _URI
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        expanded: dict[str, Any] = transform(parsed, parameters, _NoManagedPolicies())
    return expanded
