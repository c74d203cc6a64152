"""Imports point one way, and no capability imports another (docs: CONTRIBUTING.md, the house).

functions -> api -> app -> capabilities -> events -> dead_letters -> store, wire, pricing -> domain
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.engines import ROOT

PACKAGE = "spendgate_service"
HOME = ROOT / "layers/core/python" / PACKAGE

CAPABILITIES = {
    "reservations", "settlements", "periods", "budgets", "usage", "tenants", "reports",
    "audit", "notifications",
}  # fmt: skip

RANK = {
    "domain": 0,
    "cache": 1, "clock": 1, "metrics": 1, "settings": 1, "observability": 1, "terminal": 1,
    "store": 2, "wire": 2, "pricing": 2,
    "dead_letters": 3,
    "events": 4,
    **dict.fromkeys(CAPABILITIES, 5),
    "app": 6,
    "api": 7,
}  # fmt: skip
"""A module may import what has a lower rank, and its own folder."""

KNOWS_BOTOCORE = {"store/clients/boto.py"}
"""And the commands (`__main__.py`)."""

OF_THE_WORLD = {
    "asyncio", "concurrent", "io", "logging", "os", "pathlib", "random", "secrets", "socket",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "warnings",
}  # fmt: skip
"""The parts of the standard library that bring a clock, chance or a side effect along."""


def folder_of(path: Path) -> str:
    return path.relative_to(HOME).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return sorted(path for path in HOME.rglob("*.py") if path != HOME / "__init__.py")


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


@cache
def imports_of(path: Path) -> frozenset[str]:
    return frozenset(imports_in(path.read_text()))


def own_imports(path: Path) -> Iterator[str]:
    """The folders of the package from which a module imports."""
    for module in imports_of(path):
        package, _, rest = module.partition(".")
        if package == PACKAGE:
            yield rest.partition(".")[0]


def is_allowed(importer: str, imported: str) -> bool:
    return importer == imported or RANK[imported] < RANK[importer]


def broken_arrows() -> set[tuple[str, str]]:
    return {
        (path.relative_to(HOME).as_posix(), folder)
        for path in modules()
        if path.name != "__main__.py"
        for folder in own_imports(path)
        if not is_allowed(folder_of(path), folder)
    }


def test_imports_point_one_way_and_no_capability_imports_another() -> None:
    assert broken_arrows() == set()


def test_only_the_adapter_and_the_commands_know_botocore() -> None:
    knowing = {
        path.relative_to(HOME).as_posix()
        for path in modules()
        if path.name != "__main__.py"
        and any(module.partition(".")[0] in {"boto3", "botocore"} for module in imports_of(path))
    }

    assert knowing == KNOWS_BOTOCORE


@pytest.mark.parametrize("page", sorted(HOME.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_a_folder_begins_with_a_page_that_names_its_modules(page: Path) -> None:
    text = ast.get_docstring(ast.parse(page.read_text())) or ""
    modules_there = {path.stem for path in page.parent.glob("*.py")} - {"__init__"}

    assert 15 <= len(text.splitlines()) <= 60
    assert modules_there - set(re.findall(r"\w+", text)) == set()


@pytest.mark.parametrize("path", sorted((HOME / "domain").glob("*.py")), ids=lambda path: path.name)
def test_the_domain_is_pure(path: Path) -> None:
    imported = {module.split(".")[0] for module in imports_of(path)}

    assert imported <= (sys.stdlib_module_names - OF_THE_WORLD) | {PACKAGE}


def test_every_folder_has_a_rank() -> None:
    assert {folder_of(path) for path in modules()} <= RANK.keys()


def test_an_import_is_found_wherever_it_stands() -> None:
    source = "import os\ndef f():\n    from spendgate_service.store import keys, client as c\n"

    assert set(imports_in(source)) == {
        "os",
        "spendgate_service.store.keys",
        "spendgate_service.store.client",
    }


def test_an_arrow_against_the_rule_is_seen() -> None:
    assert not is_allowed("store", "reservations")
    assert not is_allowed("reservations", "settlements")
    assert is_allowed("reservations", "store")
