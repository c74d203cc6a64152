"""Measures every screen of the console in a real Chromium, with little data and with much.

A screen is shown when no part of it says that it loads, and complete when nothing is read any more:
long lists show their first rows and read on. Both companies are in one engine and take turns.
`BENCH_CONSOLE=1000,100000` are the budgets and the usage records of the large one; the small one
has a hundredth of them.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page
from rich.console import Console

from bench.console_company import Company, found_company
from bench.report import Report, median
from local.dynamodb_local import dynamodb_local
from tests.console.browser import DESK, Visit, chromium
from tests.console.service import server
from tests.support.engines import table_at

BUDGETS, RECORDS = map(int, os.environ.get("BENCH_CONSOLE", "1000,100000").split(","))
SIZES = ((BUDGETS // 100, RECORDS // 100), (BUDGETS, RECORDS))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
AIM = 2.0

SCREENS = (
    "overview", "explorer", "budgets", "budgets/{budget}", "budgets/{default}", "requests",
    "requests/{request}", "holds", "refusals", "prices", "notifications", "keys", "changes",
)  # fmt: skip

_NOWHERE = "nowhere"
_COUNT_REQUESTS = """
  window.requests = {sent: 0, open: 0};
  const send = window.fetch;
  window.fetch = async (...request) => {
    window.requests.sent += 1;
    window.requests.open += 1;
    try {
      const response = await send(...request);
      await response.clone().text();
      return response;
    } finally { window.requests.open -= 1; }
  };
"""
_OPEN = """
  async (address) => {
    const nextFrame = () => new Promise(requestAnimationFrame);
    const heading = () => document.querySelector("h1")?.textContent ?? "Not found";
    const sent = window.requests.sent;
    const started = performance.now();
    location.hash = `#/${address}`;
    while (heading() === "Not found" || document.querySelector(".loading")) await nextFrame();
    const shown = performance.now() - started;
    for (let quiet = 0; quiet < 2; quiet = window.requests.open ? 0 : quiet + 1) await nextFrame();
    return [shown, performance.now() - started, window.requests.sent - sent];
  }
"""
"""Returns when no part says that it loads, when nothing is read any more, and the requests sent."""


@dataclass(slots=True)
class Place:
    """A company in a tab, and what was measured of each screen."""

    company: Company
    page: Page
    shown_ms: dict[str, list[float]] = field(default_factory=dict)
    complete_ms: dict[str, list[float]] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def slowest_ms(self) -> float:
        """How long it takes until the slowest screen is shown."""
        return max(map(_median_ms, self.shown_ms.values()))

    def open(self, screen: str) -> None:
        """Go from an empty screen to another one, and measure it."""
        self.page.evaluate("address => { location.hash = address; }", f"#/{_NOWHERE}")
        self.page.get_by_role("heading", level=1, name="Not found").wait_for()
        shown, complete, sent = self.page.evaluate(_OPEN, screen.format(**self.company.ids))
        assert self.page.get_by_role("alert").count() == 0, screen
        self.shown_ms.setdefault(screen, []).append(shown)
        self.complete_ms.setdefault(screen, []).append(complete)
        self.requests[screen] = int(sent)


def run(console: Console) -> Report:
    """Write both companies, open every screen of each in turn, and compare them."""
    title = f"The console with {_size(SIZES[1])}, against {_size(SIZES[0])} (p50 of {ROUNDS}, ms)"
    report = Report("console", title)
    logging.disable(logging.INFO)
    with _companies(console) as companies, chromium() as browser, ExitStack() as tabs:
        places = [tabs.enter_context(_tab(browser, company)) for company in companies]
        for turn in range(ROUNDS + 1):
            for screen in SCREENS:
                for place in places:
                    place.open(screen)
            console.print(f"  round {turn} of {ROUNDS}")
    for screen in SCREENS:
        _add_row(report, screen, *places)
    small, large = places
    report.aim_at_most("the slowest screen", large.slowest_ms / small.slowest_ms, AIM)
    return report


def _size(size: tuple[int, int]) -> str:
    return "{:,} budgets and {:,} records".format(*size)


@contextmanager
def _companies(console: Console) -> Iterator[list[Company]]:
    with dynamodb_local() as url:
        companies = []
        for budgets, records in SIZES:
            started, now_ms = time.monotonic(), int(time.time() * 1000)
            companies.append(
                found_company(table_at(url), budgets=budgets, records=records, now_ms=now_ms)
            )
            seconds = time.monotonic() - started
            console.print(f"  {_size((budgets, records))}: written in {seconds:.0f} s")
        yield companies


@contextmanager
def _tab(browser: Browser, company: Company) -> Iterator[Place]:
    running = server(company.service)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    context = browser.new_context(viewport=DESK)
    context.add_init_script(_COUNT_REQUESTS)
    visit = Visit(context.new_page(), f"http://127.0.0.1:{running.server_port}/console")
    visit.sign_in(company.key)
    yield Place(company, visit.page)
    context.close()
    running.shutdown()


def _add_row(report: Report, screen: str, small: Place, large: Place) -> None:
    """Compare the medians of a screen."""
    row: dict[str, object] = {"screen": screen}
    for name, of_small, of_large in (
        ("shown", small.shown_ms, large.shown_ms),
        ("complete", small.complete_ms, large.complete_ms),
    ):
        few, many = _median_ms(of_small[screen]), _median_ms(of_large[screen])
        row |= {f"{name}, small": round(few), f"{name}, large": round(many)}
        row |= {f"{name} x": round(many / few, 2)}
    row |= {"requests": f"{small.requests[screen]} / {large.requests[screen]}"}
    report.add(row)


def _median_ms(rounds: list[float]) -> float:
    """Return the median of all rounds but the first, which fills the caches."""
    return median(rounds[1:])
