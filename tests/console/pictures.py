"""`make pictures`: takes the pictures of the docs from the console on two months of history."""

import threading
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize

from tests.console.__main__ import company
from tests.console.browser import Theme, Visit, chromium
from tests.console.history import History
from tests.console.service import server
from tests.support.engines import ROOT

FOLDER = ROOT / "docs/pictures"
SIZE: ViewportSize = {"width": 1200, "height": 780}
QUALITY = 82
BYTES_MAX = 150_000

PICTURES: dict[str, tuple[str, Theme]] = {
    "overview": ("overview", "light"),
    "explorer": ("explorer?span=30d&by=agent", "light"),
    "budgets": ("budgets", "light"),
    "budget": ("budgets/{search}", "light"),
    "requests": ("requests", "light"),
    "overview-dark": ("overview", "dark"),
}


def take(browser: Browser, url: str, key: str, budgets: dict[str, str]) -> None:
    """Take every picture."""
    for name, (address, theme) in PICTURES.items():
        context = browser.new_context(viewport=SIZE, color_scheme=theme, timezone_id="UTC")
        visit = Visit(context.new_page(), url)
        visit.sign_in(key)
        visit.open(address.format(**budgets))
        visit.page.wait_for_timeout(300)
        path = FOLDER / f"console-{name}.jpg"
        visit.page.screenshot(path=path, type="jpeg", quality=QUALITY)
        context.close()
        show(path)


def show(path: Path) -> None:
    """Say how large a picture is. Raises ValueError if it is too large."""
    size = path.stat().st_size
    if size > BYTES_MAX:
        raise ValueError(f"{path.name} has {size} bytes, more than {BYTES_MAX}")
    print(f"{path.relative_to(ROOT)}: {size // 1000} KB")


def budgets_of(history: History) -> dict[str, str]:
    """Return the ids of the budgets of teams by their names."""
    listed = history.ask("GET", "/v1/budgets", query={"limit": "100"})["data"]
    return {
        budget["subject"].removeprefix("team:"): budget["budget_id"]
        for budget in listed
        if budget["subject"].startswith("team:")
    }


def main() -> None:
    """Serve the history, and take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with company() as history, chromium() as browser:
        running = server(history.service)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{running.server_port}/console"
        take(browser, url, history.keys["admin"], budgets_of(history))
        running.shutdown()


if __name__ == "__main__":
    main()
