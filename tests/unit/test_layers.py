"""Imports point one way: functions (and admin, a part of one) -> api, store -> domain.

What is not listed is not allowed.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import ROOT

PACKAGE = ROOT / "layers/core/python/spendgate"
FUNCTIONS = ROOT / "functions"

ALLOWED: dict[str, set[str]] = {
    "domain": {"spendgate.domain"},
    "pricing": {"spendgate.pricing", "spendgate.domain", "genai_prices"},
    "store": {"spendgate.store", "spendgate.domain", "spendgate.settings", "botocore"},
    "api": {
        "spendgate.api",
        "spendgate.domain",
        "spendgate.pricing",
        "spendgate.observability",
        # What the store answers and raises, and never what talks to DynamoDB.
        "spendgate.store.audit",
        "spendgate.store.credits",
        "spendgate.store.errors",
        "spendgate.store.export",
        "spendgate.store.pages",
        "spendgate.store.rules",
        "spendgate.store.settlements",
        "spendgate.store.statements",
        "pydantic",
        "pydantic_core",
    },
    "admin": {
        "spendgate.admin",
        "spendgate.api",
        "spendgate.domain",
        "spendgate.pricing",
        "spendgate.runtime",
        "spendgate.store",
        "pydantic",
    },
    "events": {
        "spendgate.events",
        "spendgate.domain",
        "spendgate.api",
        "spendgate.observability",
        "spendgate.store",
    },
    "settings": set(),
    "observability": {"aws_lambda_powertools"},
    "runtime": {
        "spendgate.settings",
        "spendgate.observability",
        "spendgate.api",
        "spendgate.store",
        "botocore",
    },
    "operator_key": {"spendgate.domain", "spendgate.store", "boto3", "botocore"},
    "audit": {"spendgate.store", "spendgate.terminal", "boto3", "botocore"},
    "dead_letters": {
        "spendgate.events",
        "spendgate.store",
        "spendgate.terminal",
        "boto3",
        "botocore",
    },
    "terminal": set(),
    "functions": {
        "spendgate.admin",
        "spendgate.api",
        "spendgate.domain",
        "spendgate.events",
        "spendgate.observability",
        "spendgate.runtime",
        "spendgate.settings",
        "spendgate.store",
        "pydantic",
    },
}
"""What each layer may import beside the standard library: these modules and what is in them."""

OF_THE_WORLD = {
    "asyncio", "concurrent", "io", "logging", "os", "pathlib", "random", "secrets", "socket",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "warnings",
}  # fmt: skip
"""The parts of the standard library that bring a clock, chance or a side effect along."""

KNOWS_BOTOCORE = {
    "audit.py",
    "dead_letters.py",
    "operator_key.py",
    "runtime.py",
    "store/announcer.py",
    "store/dead_letters.py",
    "store/event_bus.py",
    "store/settlements.py",
    "store/table.py",
}


def layer_of(path: Path) -> str:
    if path.is_relative_to(FUNCTIONS):
        return "functions"
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> list[Path]:
    package = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    return sorted([*package, *FUNCTIONS.rglob("*.py")])


def imports_in(source: str) -> Iterator[str]:
    """Every module that a source imports, wherever in it; a name in a package counts as one."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(level=0, module=str(module), names=names):
                yield from (f"{module}.{name.name}" for name in names)
            case ast.ImportFrom():
                raise AssertionError("a relative import hides where it points")


def is_in(module: str, packages: set[str]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in packages)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_what_its_layer_may(path: Path) -> None:
    allowed = ALLOWED[layer_of(path)] | sys.stdlib_module_names

    strays = {module for module in imports_in(path.read_text()) if not is_in(module, allowed)}

    assert not strays


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "domain").rglob("*.py")), ids=lambda path: str(path.name)
)
def test_the_domain_has_no_clock_no_chance_and_no_side_effects(path: Path) -> None:
    assert not {module for module in imports_in(path.read_text()) if is_in(module, OF_THE_WORLD)}


def test_only_a_command_and_few_modules_of_the_store_know_botocore() -> None:
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in sources()
        if any(is_in(module, {"botocore"}) for module in imports_in(path.read_text()))
    }

    assert knowing == KNOWS_BOTOCORE


def test_every_layer_is_under_a_rule_and_every_rule_has_a_layer() -> None:
    assert {layer_of(path) for path in sources()} == ALLOWED.keys()


def test_an_import_is_found_wherever_it_stands() -> None:
    source = "import os\ndef f():\n    from spendgate.store import keys, table as t\n"

    assert set(imports_in(source)) == {"os", "spendgate.store.keys", "spendgate.store.table"}


def test_a_module_is_not_in_another_one_whose_name_it_begins_with() -> None:
    assert is_in("spendgate.store.keys", {"spendgate.store"})
    assert not is_in("spendgate.storeroom", {"spendgate.store"})
