"""One browser, one stack and one company with some spending, for all tests of the console."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from local.bootstrap import StackFile
from tests.console.browser import DESK, Visit, chromium
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
        opened.append(new_tab(browser, stack, **options))
        return opened[-1]

    yield open_tab
    for tab in opened:
        tab.page.context.close()
        tab.holds_its_promises(stack.console_url)


def new_tab(browser: Browser, stack: StackFile, **options: Any) -> Visit:
    """Open a tab that shares nothing with another."""
    context = browser.new_context(**{"viewport": DESK, "color_scheme": "light", **options})
    context.set_default_timeout(60_000)
    return Visit(context.new_page(), stack.console_url)


@pytest.fixture(scope="session")
def admins_tabs() -> list[Visit]:
    """The tab in which an admin signed in, if there is one."""
    return []


@pytest.fixture
def admin(
    browser: Browser, stack: StackFile, company: Company, admins_tabs: list[Visit]
) -> Iterator[Visit]:
    """A tab in which an admin is signed in: the one of the test before, if it can be used again.

    Loading the console and signing in takes longer than most tests.
    """
    if admins_tabs and not admins_tabs[0].starts_again():
        admins_tabs.pop().page.context.close()
    if not admins_tabs:
        admins_tabs.append(new_tab(browser, stack))
        admins_tabs[0].sign_in(company.keys["admin"])
    (tab,) = admins_tabs
    yield tab
    tab.page.unroute_all()
    tab.holds_its_promises(stack.console_url)
