"""Every screen in a real browser, through the local stack."""

import pytest
from playwright.sync_api import Route

from tests.console.browser import PHONE, Visit
from tests.console.company import MARKUP, Company, Open

SCREENS = (
    "overview", "explorer", "budgets", "budgets/{company}", "budgets/{agents}", "requests",
    "requests?state=all", "requests/{pending}", "requests/{decided}", "holds", "refusals",
    "prices", "notifications", "keys", "changes",
)  # fmt: skip
MENU = [
    "Overview", "Explorer", "Budgets", "Requests", "Open holds", "Refusals",
    "Prices and rates", "Notifications", "API keys", "Changes",
]  # fmt: skip
OF_AN_APPROVER = ["Overview", "Explorer", "Budgets", "Requests", "Refusals"]
"""What an approver's menu shows: the screens that a decision needs."""


def test_every_screen_is_accessible_in_light_and_dark(admin: Visit, company: Company) -> None:
    found = {}
    for screen in SCREENS:
        admin.open(screen.format(**company.budgets, **company.requests))
        admin.theme("light")
        found[screen, "light"] = admin.violations()
        admin.theme("dark")  # only colours differ
        found[screen, "dark"] = admin.violations("color-contrast")

    assert {place: broken for place, broken in found.items() if broken} == {}


def test_no_screen_is_wider_than_a_phone(visit: Open, company: Company) -> None:
    phone = visit(viewport=PHONE)
    phone.sign_in(company.keys["admin"])
    wide = []
    for screen in SCREENS:
        phone.open(screen.format(**company.budgets, **company.requests))
        if phone.page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
            wide.append(screen)

    assert wide == []


def test_a_reader_sees_every_screen_and_no_action(visit: Open, company: Company) -> None:
    reader = visit()
    reader.sign_in(company.keys["reader"])
    page = reader.page

    assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == MENU
    actions = set()
    for screen in SCREENS:
        reader.open(screen.format(**company.budgets, **company.requests))
        found = page.locator("main .head button, main td button:not([aria-expanded])")
        actions |= set(found.all_inner_texts())
    assert actions == set()


def test_an_approver_sees_what_a_decision_needs_and_no_other_action(
    visit: Open, company: Company
) -> None:
    approver = visit()
    approver.sign_in(company.keys["approver"])
    page = approver.page

    assert page.get_by_role("navigation").get_by_role("link").all_inner_texts() == OF_AN_APPROVER
    page.get_by_role("main").get_by_text("for a decision").wait_for()
    actions = {}
    for screen in SCREENS:
        approver.open(screen.format(**company.budgets, **company.requests))
        found = page.locator("main .head button, main td button:not([aria-expanded])")
        if texts := found.all_inner_texts():
            actions[screen] = texts
        assert page.get_by_role("alert").count() == 0, screen
    assert actions == {"requests/{pending}": ["Deny", "Approve"]}
    for hidden in ("holds", "prices", "notifications", "keys", "changes"):
        approver.open(hidden)
        assert page.get_by_role("heading", level=1).inner_text() == "Not found"


def test_a_link_leads_after_the_sign_in_to_its_request_which_the_keyboard_alone_approves(
    visit: Open, company: Company
) -> None:
    request_id = company.ask_for_more("agent:researcher", "twice as many papers")
    tab = visit()
    page = tab.page
    page.goto(f"{tab.url}#/requests/{request_id}")
    page.get_by_label("API key").wait_for()
    page.keyboard.type(company.keys["approver"])
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="agent:researcher asks for 20.00 usd").wait_for()
    assert "twice as many papers" in page.get_by_role("main").inner_text()
    page.get_by_role("heading", level=1).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Approve"
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert tab.violations() == []
    page.keyboard.press("Control+A")
    page.keyboard.type("12.5")
    page.get_by_label("Note").focus()
    page.keyboard.type("half for now")
    page.keyboard.press("Enter")

    page.get_by_text("The request is approved").wait_for()
    tab.settled()
    assert page.evaluate("() => document.activeElement.tagName") == "H1"
    decision = page.locator("section", has=page.get_by_role("heading", name="Decision"))
    assert "approver approved it" in decision.inner_text()
    assert "12.50 usd" in decision.inner_text() and "half for now" in decision.inner_text()
    page.get_by_role("link", name="researcher").click()
    page.get_by_text("+12.50").wait_for()


def test_an_admin_denies_a_request_with_a_note(admin: Visit, company: Company) -> None:
    request_id = company.ask_for_more("agent:writer", "another draft")
    admin.open("requests")
    page = admin.page
    page.get_by_role("link", name="agent:writer").click()
    page.get_by_role("button", name="Deny").click()
    page.get_by_label("Note").fill("next month")
    page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    page.get_by_text("The request is denied.").wait_for()
    page.get_by_text("next month").wait_for()
    admin.open("requests?state=denied")

    assert "another draft" in page.get_by_role("table", name="Requests").inner_text()
    assert page.locator(f'a[href="#/requests/{request_id}"]').count() == 1


def test_a_reason_and_a_note_made_of_markup_stay_text(admin: Visit, company: Company) -> None:
    shown = []
    for screen in ("requests?state=all", *(f"requests/{id_}" for id_ in company.requests.values())):
        admin.open(screen)
        shown.append(MARKUP in admin.page.get_by_role("main").inner_text())

    assert shown == [True, True, True]
    assert admin.page.locator("main img").count() == 0


def test_a_callers_key_is_refused_with_what_to_do(visit: Open, company: Company) -> None:
    tab = visit()
    tab.page.goto(tab.url)
    tab.page.get_by_label("API key").fill(company.keys["caller"])
    tab.page.get_by_role("button", name="Sign in").click()

    assert "Ask an admin for a key of the role reader" in tab.page.get_by_role("alert").inner_text()


def test_an_unknown_key_is_an_error_with_its_request_id(visit: Open) -> None:
    tab = visit()
    tab.page.goto(tab.url)
    tab.page.get_by_label("API key").fill("sg.wrong")
    tab.page.get_by_role("button", name="Sign in").click()

    assert "Request " in tab.page.get_by_role("alert").inner_text()
    tab.log.clear()  # the browser logs the 401


def test_markup_in_names_and_descriptions_stays_text(admin: Visit) -> None:
    admin.open("budgets")
    assert admin.page.get_by_role("link", name=MARKUP).count() == 1
    admin.page.get_by_role("link", name=MARKUP).click()
    admin.settled()

    assert admin.page.get_by_role("heading", level=1).inner_text() == MARKUP
    assert MARKUP in admin.page.get_by_role("table", name="Activity").inner_text()
    assert admin.page.locator("main img").count() == 0


def test_a_budget_is_paused_and_resumed_with_the_keyboard_alone(admin: Visit) -> None:
    admin.open("budgets")
    page = admin.page
    page.get_by_role("link", name="researcher").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="researcher").wait_for()
    assert page.evaluate("() => document.activeElement.tagName") == "H1"
    admin.settled()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("stop for lunch")
    page.keyboard.press("Enter")
    page.get_by_text("The budget is paused.").wait_for()
    page.get_by_role("table", name="Changes").get_by_text("stop for lunch").wait_for()
    page.get_by_role("main").get_by_text("Paused", exact=True).wait_for()
    page.get_by_role("button", name="Resume").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("The budget is active again.").wait_for()


def test_every_subject_under_a_default_is_shown(admin: Visit) -> None:
    admin.open("budgets")
    page = admin.page
    page.get_by_role("button", name="Show subjects under agents").click()
    page.get_by_role("link", name="agent:coder").click()
    page.get_by_role("heading", level=1, name="agent:coder").wait_for()
    admin.settled()

    assert "9.25" in page.get_by_role("table", name="Activity").inner_text()


def test_an_admin_releases_a_long_hold(admin: Visit) -> None:
    admin.open("holds")
    page = admin.page
    page.get_by_role("button", name="Release").click()
    page.get_by_role("dialog").get_by_role("button", name="Release").click()
    page.get_by_text("The hold is released.").wait_for()

    page.get_by_text("No long holds").wait_for()


def test_a_refusal_is_shown_with_its_sentence(admin: Visit) -> None:
    admin.open("refusals")

    refused = admin.page.get_by_role("table", name="Refusals")
    assert "agent:coder" in refused.inner_text()
    assert "has 0.75 of 10 left and 5 was asked for" in refused.inner_text()


def test_refusals_by_budget_stand_beside_what_was_spent_in_the_same_time(admin: Visit) -> None:
    admin.open("refusals?by=budget&subject=agent:coder")
    page = admin.page

    assert page.locator(".legend").first.inner_text() == "agents"
    spent = page.locator("section", has=page.get_by_role("heading", name="Spent per hour"))
    assert "9.25 usd in the same time by agent:coder" in spent.inner_text()


def test_an_entry_of_a_budget_leads_to_the_record_behind_it(admin: Visit, company: Company) -> None:
    admin.open(f"budgets/{company.budgets['agents']}?subject=agent:coder")
    page = admin.page
    page.get_by_role("table", name="Activity").get_by_role("link", name="Records of").click()
    page.get_by_role("heading", level=1, name="Spend explorer").wait_for()
    admin.settled()

    records = page.get_by_role("table", name="Records").inner_text()
    assert "agent:coder" in records and "9.25" in records
    assert "agent:researcher" not in records


def test_a_credit_and_a_limit_are_shown_at_once(admin: Visit, company: Company) -> None:
    admin.open(f"budgets/{company.budgets['company']}")
    page = admin.page
    page.get_by_role("button", name="Add credit").click()
    page.get_by_label("Amount in usd").fill("a lot")
    page.get_by_role("dialog").get_by_role("button", name="Add credit").click()
    page.locator(".wrong").wait_for()
    page.get_by_label("Amount in usd").fill("7.5")
    page.get_by_role("dialog").get_by_role("button", name="Add credit").click()
    page.get_by_text("The credit is added.").wait_for()
    page.get_by_text("+7.50").wait_for()

    page.get_by_text("107.50").first.wait_for()
    admin.log.clear()  # the browser logs the 422


def test_the_secret_of_a_new_key_is_shown_once(admin: Visit) -> None:
    admin.open("keys")
    page = admin.page
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("one more")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator(".secret").inner_text()
    assert secret.startswith("sg.")

    page.get_by_role("button", name="Done").click()
    page.get_by_role("rowheader", name="one more").wait_for()
    assert secret not in page.content()


def test_a_notification_is_made_tested_rotated_and_deleted_and_its_secret_shown_once(
    admin: Visit,
) -> None:
    admin.open("notifications")
    page = admin.page
    assert "URL ends in 9xYz" in page.get_by_role("table", name="Notifications").inner_text()
    page.get_by_role("button", name="New notification").click()
    page.get_by_label("Send to").select_option("webhook")
    page.get_by_label("URL").fill("http://example.com/no-tls")
    page.get_by_role("button", name="Create notification").click()
    page.locator(".wrong").get_by_text("send an https URL").wait_for()
    page.get_by_label("URL").fill("https://example.com/hooks/0123456789/aBcD")
    page.get_by_role("button", name="Create notification").click()
    first = page.locator(".secret").inner_text()
    page.get_by_role("button", name="Done").click()
    for action, confirm in (("Test", "Send a test"), ("Rotate", "Issue a new secret")):
        page.get_by_role("button", name=f"{action} example.com …aBcD").click()
        page.get_by_role("button", name=confirm).click()
    second = page.locator(".secret").inner_text()
    page.get_by_role("button", name="Done").click()

    assert first.startswith("whsec_") and second.startswith("whsec_") and first != second
    assert first not in page.content() and second not in page.content()
    page.get_by_role("button", name="Delete example.com …aBcD").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("rowheader", name="example.com").wait_for(state="detached")
    admin.log.clear()  # the browser logs the 422


def test_the_explorer_downloads_exactly_its_view(admin: Visit) -> None:
    admin.open("explorer?by=agent&span=7d")
    page = admin.page
    shown = page.get_by_role("table", name="Spend by agent")
    assert shown.get_by_role("row").filter(has_text="coder").get_by_text("9.25").count() == 1
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download this view").click()
    lines = waiting.value.path().read_text().splitlines()

    assert lines[0] == "from,to,agent,unit,amount,calls,input_tokens,output_tokens"
    assert {tuple(line.split(",")[2:6]) for line in lines[1:]} >= {
        ("coder", "usd", "9.25", "1"),
        ("researcher", "usd", "3.5", "1"),
    }
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download its records").click()
    assert "coder" in waiting.value.path().read_text()


def test_a_group_of_the_explorer_leads_to_what_it_is_made_of(admin: Visit) -> None:
    admin.open("explorer?by=agent&span=7d")
    admin.page.get_by_role("link", name="coder", exact=True).click()
    admin.settled()

    records = admin.page.get_by_role("table", name="Records")
    assert "agent:coder" in records.inner_text()
    assert "agent:researcher" not in records.inner_text()


AWKWARD = [
    "cn=ada,ou=research", "a,b", "a, b=c", "a&b=c#d/e?f", "100%", "a%2Cb", " a ", "+", ",",
]  # fmt: skip
"""Ids with the characters that mean something in an address or between filters."""


def test_filters_with_any_characters_are_read_as_they_were_written(admin: Visit) -> None:
    written = [[["user", value], ["agent", "z"]] for value in AWKWARD]
    read = admin.page.evaluate(
        """async (views) => {
          const main = document.querySelector("script[type=module]").src;
          const { filtersIn, textOf } = await import(new URL("filters.js", main));
          return views.map((filters) => filtersIn(textOf(filters)));
        }""",
        written,
    )

    assert read == written


def test_a_link_to_a_subject_with_any_characters_shows_its_records_only(
    admin: Visit, company: Company
) -> None:
    for value in AWKWARD[:3]:
        spent = {"subjects": {"user": value}, "actual": {"eur": "1"}, "description": f"<{value}>"}
        company.tenant.caller.post("/v1/spend", spent, expected=201)
    for value in AWKWARD[:3]:
        admin.open("explorer?by=user&span=7d&unit=eur")
        admin.page.get_by_role("link", name=value, exact=True).click()
        admin.settled()
        records = admin.page.get_by_role("table", name="Records").locator("tbody tr")
        assert records.count() == 1
        assert f"<{value}>" in records.inner_text()

    admin.page.get_by_label("Only").fill("user=a,b")
    admin.page.get_by_label("Only").press("Enter")
    admin.settled()
    assert "<a,b>" in admin.page.get_by_role("table", name="Records").inner_text()


def test_a_download_that_is_not_all_of_the_view_says_so_or_is_not_offered(admin: Visit) -> None:
    admin.open("explorer?by=agent&span=7d&reservation=rsv_unknown")
    page, records = admin.page, admin.page.get_by_role("button", name="Download its records")
    page.get_by_role("button", name="Download this view").wait_for()
    assert records.count() == 0

    page.get_by_role("button", name="Show all").click()
    headers = {"X-Next-Cursor": "more", "Content-Type": "text/csv"}
    page.route("**/v1/export/usage?*", lambda route: route.fulfill(body="a\n1\n", headers=headers))
    with page.expect_download() as waiting:
        records.click()
    page.get_by_text("The file has only the first part of the records.").wait_for()
    assert waiting.value.suggested_filename.endswith("-records-incomplete.csv")
    assert waiting.value.path().read_text().splitlines() == ["a", *["1"] * 200]


def test_a_slow_list_says_that_it_loads(admin: Visit) -> None:
    page = admin.page
    said: list[str] = []

    def answer_once_it_says_so(route: Route) -> None:
        loading = page.get_by_role("status").get_by_text("Loading keys")
        loading.wait_for()
        said.append(loading.inner_text())
        route.continue_()

    page.route("**/v1/keys*", answer_once_it_says_so)
    page.evaluate("() => { location.hash = '#/keys'; }")

    page.get_by_role("table", name="Keys").wait_for()
    admin.settled()
    assert said


def test_a_failure_says_what_happened_with_the_request_id_and_can_be_tried_again(
    admin: Visit,
) -> None:
    page = admin.page
    error = {"error": {"code": "unavailable", "message": "The table is busy.", "hint": "Wait."}}
    page.route(
        "**/v1/keys*",
        lambda route: route.fulfill(status=503, headers={"X-Request-Id": "req-7"}, json=error),
    )
    admin.open("keys")
    said = page.get_by_role("alert").inner_text()
    assert "The table is busy. Wait." in said and "Request req-7" in said

    page.unroute("**/v1/keys*")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("table", name="Keys").wait_for()
    admin.log.clear()  # the browser logs the 503


@pytest.mark.parametrize("screen", ["budgets?find=nothing+has+this+name", "no-such-screen"])
def test_an_empty_screen_says_what_to_do_next(admin: Visit, screen: str) -> None:
    admin.open(screen)

    assert admin.page.locator(".empty").inner_text()
