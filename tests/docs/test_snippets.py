"""Every block of the documents does what it says, over the real functions and real HTTP."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from local.bootstrap import StackFile
from local.paths import ROOT, SAM
from spendgate_service.store.client import Table
from tests.docs.likeness import Likeness, Unlike, documented_json
from tests.docs.service import TENANT_ID, Service, listening, service_over
from tests.docs.session import Session
from tests.docs.snippets import snippets_in

FOLLOWED = ["docs/concepts.md", "docs/api.md", "docs/prices.md"]
DOCUMENTS = ["README.md", *FOLLOWED]
"""The blocks of the README need the SDKs: clients/python/tests/sdk/test_readme.py runs them."""

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = [
    pytest.param(program, id=f"{document.name}-{number}")
    for document in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    for number, program in enumerate(_PYTHON.findall(document.read_text(encoding="utf-8")))
]


@pytest.fixture
def service(memory_table: Table) -> Service:
    return service_over(memory_table)


@pytest.fixture
def session(service: Service, tmp_path: Path) -> Iterator[Session]:
    """A reader in a checkout that has nothing but the file that `make up` leaves."""
    with listening(service) as url:
        stack = StackFile(
            api_url=url,
            tenant_id=TENANT_ID,
            operator_key=service.keys["operator"],
            admin_key=service.keys["admin"],
            caller_key=service.keys["caller"],
            settlement_queue_url="",
            dead_letter_queue_url="",
            table_name=service.table.name,
            event_bus_name="",
            aws_endpoint_url="",
            region="",
        )
        (tmp_path / ".local").mkdir()
        (tmp_path / ".local" / "stack.json").write_text(json.dumps(asdict(stack)))
        yield Session(service, tmp_path)


@pytest.mark.parametrize("document", FOLLOWED)
def test_every_block_of_a_document_does_what_it_says(document: str, session: Session) -> None:
    session.follow(list(snippets_in(ROOT / document)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_block_of_python_compiles_also_where_no_test_runs_it(program: str) -> None:
    assert compile(program, "block", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def commands_of_tools() -> set[str]:
    return {
        line.partition("#")[0].strip()
        for document in DOCUMENTS
        for snippet in snippets_in(ROOT / document)
        if snippet.kind == "tools"
        for line in snippet.text.splitlines()
        if line and not line.startswith("#")
    }


def test_every_target_of_make_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    texts = [(ROOT / document).read_text() for document in DOCUMENTS]

    named = {
        name for text in texts for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)
    }

    assert named
    assert named <= targets


def test_every_option_of_a_python_command_in_the_documents_exists() -> None:
    commands = [command for command in commands_of_tools() if command.startswith("PYTHONPATH")]

    assert commands
    for command in commands:
        program, _, options = command.partition(" --")
        shown = subprocess.run(
            [*program.partition("python ")[2].split(), "--help"],
            executable=sys.executable,
            env={"PYTHONPATH": str(ROOT / "layers/core/python")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"--{options.split()[0]}" in shown.stdout


@cache
def help_of_sam(subcommand: str) -> str:
    command = [str(SAM), subcommand, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not SAM.exists(), reason="make setup has not installed sam here")
def test_every_option_of_sam_in_the_documents_exists() -> None:
    commands = [command.split() for command in commands_of_tools() if "bin/sam " in command]

    assert commands
    for _, subcommand, *options in commands:
        shown = help_of_sam(subcommand)
        assert all(option in shown for option in options)


@pytest.mark.parametrize(
    "block",
    [
        "```sh\nfalse\n```",
        "```python\nraise SystemExit(1)\n```",
        """```sh\necho '{"error": {}}'\n```""",
        """```sh\necho '{"error": {}}' > kept.json\n```""",
        """```sh\necho '{"a": 1}'\n```\n```json\n{"a": 2}\n```""",
        """```sh\necho '{"error": {}}{"a": 1}'\n```\n```json\n{"a": 1}\n```""",
        """```sh\ncurl -si "$url/v1/tenant"\n```\n```http\nHTTP/1.1 200\n```""",
        "```sh\nprintf 'a,b'\n```\n```csv\na,c\n```",
        "```rust\nfn main() {}\n```",
        '```json\n{"version": 1, "type": "release"}\n```',
    ],
)
def test_a_block_that_does_not_do_what_it_says_is_found(
    block: str, session: Session, tmp_path: Path
) -> None:
    document = tmp_path / "wrong.md"
    address = json.loads((tmp_path / ".local" / "stack.json").read_text())["api_url"]
    document.write_text(f"```sh\nurl={address}\n```\n{block}\n")

    with pytest.raises((Unlike, AssertionError, ValueError)):
        session.follow(list(snippets_in(document)))


@pytest.mark.parametrize(
    ("documented", "real"),
    [
        ('{"a": "1", ...}', {"a": "1", "b": "2"}),
        ('{... "b": [{"a": 1, ...}, ...]}', {"c": 0, "b": [{"a": 1, "d": 2}, {}]}),
        ('{"at": "2026-03-01T00:00:00.000Z"}', {"at": "2027-01-01T10:00:00.123Z"}),
        ('{"resets_in_seconds": 5}', {"resets_in_seconds": 7}),
    ],
)
def test_ellipses_ids_and_times_may_differ(documented: str, real: object) -> None:
    Likeness().compare(documented_json(documented), real)


@pytest.mark.parametrize(
    ("documented", "real"),
    [
        ('{"a": "1"}', {"a": "1", "b": "2"}),
        ('{"a": "1", ...}', {"a": "2"}),
        ('{"a": true}', {"a": 1}),
        ('{"a": [1]}', {"a": [1, 2]}),
        ('{"resets_in_seconds": 5}', {"resets_in_seconds": None}),
        ('{"a": "bud_1", "b": "bud_1"}', {"a": "bud_7", "b": "bud_8"}),
    ],
)
def test_nothing_else_may_differ(documented: str, real: object) -> None:
    with pytest.raises(Unlike):
        Likeness().compare(documented_json(documented), real)


def test_an_id_stands_for_the_real_one_in_later_commands() -> None:
    likeness = Likeness()
    likeness.compare({"id": "rsv_1"}, {"id": "rsv_2"})

    assert likeness.really("/v1/reservations/rsv_1/settle") == "/v1/reservations/rsv_2/settle"
