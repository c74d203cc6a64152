"""The key and the headers, in a real browser."""

from tests.console.browser import Visit
from tests.console.company import Company, Open

STORED = "() => JSON.stringify([{...localStorage}, document.cookie, location.href])"


def test_the_key_is_in_the_session_storage_only(admin: Visit, company: Company) -> None:
    key, page = company.keys["admin"], admin.page
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    for screen in ("budgets", "keys", "prices"):
        admin.open(screen)
        seen += [page.content(), page.evaluate(STORED)]

    assert len(seen) > 6
    assert [text for text in seen if key in text] == []
    assert page.evaluate("() => Object.values({...sessionStorage})").count(key) == 1


def test_signing_out_forgets_the_key(admin: Visit) -> None:
    admin.page.get_by_role("button", name="Sign out").click()
    admin.page.get_by_label("API key").wait_for()

    assert admin.page.evaluate("() => sessionStorage.length") == 0
    admin.page.reload()
    admin.page.get_by_label("API key").wait_for()


def test_thirty_idle_minutes_end_the_session(visit: Open, company: Company) -> None:
    tab = visit()
    tab.page.clock.install()
    tab.sign_in(company.keys["reader"])
    tab.page.clock.fast_forward("29:00")
    tab.page.get_by_role("heading", level=1).click()
    tab.page.clock.fast_forward("29:00")
    assert tab.page.evaluate("() => sessionStorage.length") == 2
    tab.page.clock.fast_forward("02:00")
    tab.page.get_by_text("30 minutes without activity").wait_for()

    assert tab.page.evaluate("() => sessionStorage.length") == 0


def test_a_revoked_key_leads_back_to_the_sign_in(visit: Open, company: Company) -> None:
    tab, admin = visit(), company.tenant.admin
    key = admin.post("/v1/keys", {"role": "reader", "name": "short"}, expected=201).body
    tab.sign_in(key["secret"])
    tab.page.evaluate("() => sessionStorage.setItem('spendgate.key', 'sg.wrong')")
    tab.page.evaluate("() => { location.hash = '#/keys'; }")
    tab.page.get_by_text("Your key is no longer valid").wait_for()

    assert tab.page.evaluate("() => sessionStorage.length") == 0
    tab.log.clear()  # the browser logs the 401


def test_trusted_types_are_enforced(visit: Open) -> None:
    """Assigning markup fails in the page, so no code of the console or a library can do it."""
    tab = visit()
    tab.page.goto(tab.url)
    failed = tab.page.evaluate(
        "() => { try { document.body.innerHTML = '<b>'; } catch (error) { return error.name; } }"
    )

    assert failed == "TypeError"
    assert any("TrustedHTML" in line for line in tab.log)
    tab.log.clear()
