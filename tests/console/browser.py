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
RENDERED = """async () => {
  for (let round = 0; round < 2; round += 1) {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }
}"""
"""Lets a change of the address reach the screen, and the screen begin to load what it shows."""
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

    def starts_again(self) -> bool:
        """Leave what an earlier test showed; False if the tab cannot be used again."""
        self.log.clear()
        self.theme("light")
        self.open("nothing")
        shown = self.page.get_by_role("heading", level=1, name="Not found")
        return shown.count() == 1 and self.page.get_by_role("dialog").count() == 0

    def holds_its_promises(self, console_url: str) -> None:
        """Assert that its browser logged nothing and asked one origin only."""
        assert self.log == []
        assert self.origins <= {origin_of(console_url)}

    def open(self, address: str) -> None:
        """Go to a screen, and wait until it has loaded everything."""
        self.page.evaluate("address => { location.hash = address; }", f"#/{address}")
        self.settled()

    def settled(self) -> None:
        """Wait until the page shows its address and has loaded everything."""
        self.page.evaluate(RENDERED)
        self.page.wait_for_function(
            "() => document.querySelector('h1') && !document.querySelector('.loading')"
        )

    def theme(self, theme: Theme) -> None:
        self.page.emulate_media(color_scheme=theme)

    def violations(self, *rules: str) -> list[str]:
        """What axe finds by these or by all rules: the rule, the first element that breaks it."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(axe_source())
        options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
        found: list[dict[str, Any]] = self.page.evaluate(
            "async options => (await axe.run(document, options)).violations", options
        )
        return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]


@cache
def axe_source() -> str:
    return AXE.read_text(encoding="utf-8")


def origin_of(url: str) -> str:
    return "/".join(url.split("/")[:3])
