"""The programs of the pages do what they say: each runs with a budget, and without."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spendgate.params import CalendarPeriod
from spendgate.testing import FakeProvider
from tests.support.pages import blocks_of
from tests.support.service import ROOT, Service, with_own_tenant

PAGES = ["langchain", "openai-agents", "pydantic-ai"]
PROGRAMS = [
    (page, place)
    for page in PAGES
    for place, _ in enumerate(blocks_of(f"docs/integrations/{page}.md", "python"))
]
_VARIES = re.compile(r"about \d+ \w+")


@pytest.mark.parametrize(("page", "place"), PROGRAMS)
def test_a_program_settles_and_is_refused(
    page: str,
    place: int,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = f"docs/integrations/{page}.md"
    program = compile(blocks_of(document, "python")[place], f"{page}.md", "exec")
    (printed,) = blocks_of(document, "text")
    service = with_own_tenant(service, "pages")
    with FakeProvider() as provider, service.admin() as admin:
        for name, value in {
            "SPENDGATE_URL": service.url,
            "SPENDGATE_API_KEY": service.caller_key,
            "OPENAI_BASE_URL": provider.openai_url,
            "OPENAI_API_KEY": "fake",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "ANTHROPIC_BASE_URL": provider.url,
            "ANTHROPIC_API_KEY": "fake",
        }.items():
            monkeypatch.setenv(name, value)
        day: CalendarPeriod = {"type": "calendar", "unit": "day"}
        admin.budgets.create(subject="agent:researcher", unit="usd", limit="10", period=day)

        exec(program, {"__name__": "__main__"})
        (balance,) = admin.spend(agent="researcher").budgets
        assert balance.spent > 0
        assert balance.held == 0
        assert len(provider.log()) == 1
        assert capsys.readouterr().out == ""

        admin.record(agent="researcher", actual={"usd": balance.limit - balance.spent})
        exec(program, {"__name__": "__main__"})
        assert _VARIES.sub("", capsys.readouterr().out) == _VARIES.sub("", printed)
        assert len(provider.log()) == 1, "a refused call does not reach the provider"


def test_every_framework_has_its_extra() -> None:
    text = (ROOT / "clients/python/pyproject.toml").read_text(encoding="utf-8")
    installed = [
        extra
        for page in PAGES
        for extra in re.findall(
            r"spendgate\[([\w-]+)\]", Path(ROOT, f"docs/integrations/{page}.md").read_text("utf-8")
        )
    ]
    assert set(PAGES) == set(installed)
    assert all(re.search(rf"^{extra} = ", text, re.MULTILINE) for extra in installed)
