"""What is generated, or made from the code by its text, is current."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support.service import ROOT, Service
from tools import generate_models, unasync
from tools.mutants import MUTANTS

PACKAGE = ROOT / "clients/python/src/spendgate"
RUFF = ROOT / ".venv/bin/ruff"


def formatted(text: str, path: Path) -> str:
    for arguments in (["check", "--fix", "--exit-zero", "--quiet"], ["format"]):
        done = subprocess.run(
            [RUFF, *arguments, "--stdin-filename", path, "-"],
            input=text, capture_output=True, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        text = done.stdout
    return text


def test_models_and_params_are_those_of_the_openapi_document(service: Service) -> None:
    with service.admin() as admin:
        document = admin.request("GET", "openapi.json")
    for name, text in generate_models.generate(json.loads(json.dumps(document))).items():
        path = PACKAGE / name
        assert formatted(text, path) == path.read_text(), "run: make client-models"


def test_the_synchronous_code_is_that_of_the_asynchronous() -> None:
    sources = sorted((PACKAGE / "_async").glob("*.py"))
    generated = [path for path in sources if path.name not in unasync.HAND_WRITTEN]
    assert generated
    for path in generated:
        target = PACKAGE / "_sync" / path.name
        assert formatted(unasync.synchronous(path.read_text()), target) == target.read_text(), (
            "run: make client-models"
        )


def test_every_broken_rule_still_stands_once_in_its_file() -> None:
    found = {
        mutant.name: (PACKAGE / mutant.file).read_text().count(mutant.old) for mutant in MUTANTS
    }
    assert {name: times for name, times in found.items() if times != 1} == {}
