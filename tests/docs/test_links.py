"""Every link in a document leads to a file and a heading that exist."""

import re
from pathlib import Path

import pytest

from local.paths import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def prose_of(document: Path) -> str:
    return _FENCED.sub("", document.read_text())


def anchors_of(document: Path) -> set[str]:
    """The headings as they are addressed: lower case, words joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", prose_of(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, anchor in _LINK.findall(prose_of(document)):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors_of(target), anchor


def test_every_decision_is_in_the_index_with_its_status_and_date() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")

    records = sorted(folder.glob("0*.md"))
    assert records
    for record in records:
        text = record.read_text(encoding="utf-8")
        title = re.match(r"# (\d+)\. (.+)", text)
        status = re.search(r"^Status: (.+) · (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
        assert title and status, record.name
        row = f"| {title[1]} | [{title[2]}]({record.name}) | {status[1]} | {status[2]} |"
        assert row in index


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_module_that_a_document_names_exists(document: Path) -> None:
    package = ROOT / "layers/core/python/spendgate_service"
    names = re.findall(r"`([\w-]+(?:/[\w-]+)+\.py)`", document.read_text(encoding="utf-8"))

    roots = (ROOT, package, package.parent)
    assert not [name for name in names if not any((root / name).exists() for root in roots)]
