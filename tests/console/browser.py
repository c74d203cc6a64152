"""A real Chromium, and what it says about the pages that it shows."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.support.engines import ROOT

type Theme = Literal["light", "dark"]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-domain-reliability", "--no-first-run",
)  # fmt: skip
AXE = ROOT / "tests/console/vendor/axe.min.js"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 860}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser of this machine. Raises LookupError if there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise LookupError("there is no Chromium; install one with: sh local/install_browser.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@dataclass
class Visit:
    """One tab of a person, and everything that its browser logged and asked for."""

    page: Page
    url: str
    log: list[str] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.log.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.log.append(str(error)))
        self.page.on("request", lambda request: self.origins.add(origin_of(request.url)))

    def sign_in(self, key: str) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator("main.main h1").wait_for()

    def open(self, address: str) -> None:
        """Go to a screen, and wait until it has loaded everything."""
        self.page.evaluate("address => { location.hash = address; }", f"#/{address}")
        self.settled()

    def settled(self) -> None:
        self.page.wait_for_function(
            "() => document.querySelector('h1') && !document.querySelector('.loading')"
        )

    def theme(self, theme: Theme) -> None:
        self.page.emulate_media(color_scheme=theme)

    def violations(self) -> list[str]:
        """What axe finds: the rule, and the first element that breaks it."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(axe_source())
        found: list[dict[str, Any]] = self.page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]


@cache
def axe_source() -> str:
    return AXE.read_text(encoding="utf-8")


def origin_of(url: str) -> str:
    return "/".join(url.split("/")[:3])
