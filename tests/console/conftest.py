"""One browser, one stack and one company with some spending, for all tests of the console."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from local.bootstrap import StackFile
from tests.console.browser import DESK, Visit, chromium, origin_of
from tests.console.company import Company, Open, found_company
from tests.support.local_stack import NewTenant


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of this machine; without one every test here fails."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def company(new_tenant: NewTenant) -> Company:
    return found_company(new_tenant())


@pytest.fixture
def visit(browser: Browser, stack: StackFile) -> Iterator[Open]:
    """Open a tab of its own; at the end its log is empty and it asked one origin only."""
    opened: list[Visit] = []

    def open_tab(**options: Any) -> Visit:
        context = browser.new_context(**{"viewport": DESK, "color_scheme": "light", **options})
        context.set_default_timeout(60_000)
        opened.append(Visit(context.new_page(), stack.console_url))
        return opened[-1]

    yield open_tab
    for tab in opened:
        tab.page.context.close()
        assert tab.log == []
        assert tab.origins <= {origin_of(stack.console_url)}


@pytest.fixture
def admin(visit: Open, company: Company) -> Visit:
    """A tab in which an admin is signed in."""
    tab = visit()
    tab.sign_in(company.keys["admin"])
    return tab
