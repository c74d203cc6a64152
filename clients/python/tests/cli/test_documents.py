"""The documents of the command line do what they say: each block runs as a reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import ROOT, Service, new_tenant
from tests.support.warm_command import warm_command

DOCUMENTS = ["docs/cli.md", "docs/budgets-as-code.md"]

_BLOCK = re.compile(
    r"^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_VARIES = re.compile(
    r"\b(?:bud|rsv|key|req|use|chg)[_-]\w+|\d{4}-\d\d-\d\d[T ][\d:.]+Z|about \d+ \w+|\d+ ms"
    r"|http://[\w.:]+"
)


def comparable(text: str) -> list[str]:
    """A text without what differs from run to run: ids, times, and the blanks around them."""
    lines = _VARIES.sub("...", text).splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


def is_like(documented: list[str], real: list[str]) -> bool:
    """Whether every line is the documented one; `...` there stands for any text."""
    patterns = [".*".join(map(re.escape, line.split("..."))) for line in documented]
    return len(patterns) == len(real) and all(map(re.fullmatch, patterns, real))


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_command(tmp_path_factory.mktemp("bin")) as folder:
        yield folder


@pytest.fixture
def environment(service: Service, command: Path, tmp_path: Path) -> dict[str, str]:
    """A reader with the command installed and the admin key of a new tenant."""
    admin_key = new_tenant(service, "docs")
    return {
        "PATH": f"{command}{os.pathsep}{os.environ['PATH']}",
        "SPENDGATE_CONFIG": str(tmp_path / "profiles.ini"),
        "HOME": str(tmp_path),
        "URL": service.url,
        "ADMIN_KEY": admin_key,
        "SPENDGATE_URL": service.url,
        "SPENDGATE_API_KEY": admin_key,
    }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_does_what_it_says(
    document: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """A block in sh runs, the text after it is what it prints; one with a name is a file."""
    printed: str | None = None
    blocks = list(_BLOCK.finditer((ROOT / document).read_text(encoding="utf-8")))
    assert blocks
    for block in blocks:
        kind, file, text = block["kind"], block["file"], block["text"]
        if file:
            target = tmp_path / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        elif kind == "sh":
            printed = _output_of(text, environment, tmp_path)
        else:
            assert kind == "text", f"nothing tests a block of {kind}"
            assert printed is not None
            assert is_like(comparable(text), comparable(printed)), printed


def _output_of(script: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout
