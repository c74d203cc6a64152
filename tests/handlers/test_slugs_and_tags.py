"""Budgets that tools manage: slugs, PUT until nothing changes, and tags against lost changes.

The kind: "create" where "so shall it be" is meant, and a change of what another has changed since.
"""

from typing import Any

import pytest

from spendgate_service.app import Spendgate
from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")

DAY = {"type": "calendar", "unit": "day"}
DAILY = {"subject": "agent:researcher", "unit": "usd", "limit": "10", "period": DAY}


def put(ask: Ask, slug: str = "daily", tag: str | None = None, **fields: Any) -> HttpAnswer:
    headers = {} if tag is None else {"If-Match": tag}
    return ask("PUT", f"/v1/budgets/by-slug/{slug}", {**DAILY, **fields}, headers=headers)


def create(ask: Ask, **fields: Any) -> HttpAnswer:
    made = ask("POST", "/v1/budgets", {**DAILY, **fields})
    assert made.status == 201, made
    return made


def listed(ask: Ask) -> list[dict[str, Any]]:
    """Every budget, without its balance, in which a time of now stands."""
    return [without_balance(budget) for budget in ask("GET", "/v1/budgets").body["data"]]


def without_balance(budget: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in budget.items() if name != "balance"}


def test_a_put_creates_once_and_then_changes_nothing(ask: Ask) -> None:
    first, again = put(ask), put(ask)

    assert (first.status, again.status) == (201, 200)
    assert first.body["slug"] == "daily"
    assert [without_balance(again.body)] == [without_balance(first.body)] == listed(ask)
    assert again.headers["ETag"] == first.headers["ETag"] == f'"{first.body["revision"]}"'
    assert len(listed(ask)) == 1


def test_a_put_makes_the_budget_exactly_the_body_and_leaves_what_is_not_part_of_it(
    ask: Ask,
) -> None:
    fields: dict[str, Any] = {
        "soft_limit": "8",
        "name": "a name",
        "metadata": {"a": 1},
        "mode": "shadow",
    }
    made = put(ask, **fields, carry_over={"unused": True}, warn_at_pct=[50]).body
    path = f"/v1/budgets/{made['budget_id']}"
    ask("POST", "/v1/spend", {"subjects": {"agent": "researcher"}, "actual": {"usd": 4}})
    ask("POST", f"{path}/pause")
    ask("POST", f"{path}/disable")

    bare = put(ask, limit="20").body

    assert (bare["soft_limit"], bare["name"], bare["metadata"]) == (None, None, {})
    assert (bare["mode"], bare["carry_over"], bare["warn_at_pct"]) == ("enforce", None, [80])
    assert (bare["limit"], bare["balance"]["spent"]) == ("20", "4")
    assert bare["budget_id"] == made["budget_id"]
    assert bare["status"] == "disabled"
    assert ask("POST", f"{path}/enable").body["status"] == "paused"


@pytest.mark.parametrize(
    ("other", "field"),
    [({"subject": "agent:writer"}, "subject"), ({"unit": "eur"}, "unit")],
)
def test_a_budget_stays_on_its_subject_and_in_its_unit(
    ask: Ask, other: dict[str, str], field: str
) -> None:
    before = without_balance(put(ask).body)

    refused = put(ask, **other)

    assert (refused.status, refused.code) == (409, "immutable_field")
    assert refused.body["error"]["param"] == f"body.{field}"
    assert refused.headers["x-should-retry"] == "false"
    assert listed(ask) == [before]


def test_a_slug_belongs_to_one_budget_until_that_is_deleted_or_gives_it_up(ask: Ask) -> None:
    first = create(ask, slug="daily").body
    second = create(ask, subject="agent:writer").body
    path = f"/v1/budgets/{second['budget_id']}"

    taken = ask("POST", "/v1/budgets", {**DAILY, "slug": "daily"})
    patched = ask("PATCH", path, {"slug": "daily"})
    assert [(reply.status, reply.code) for reply in (taken, patched)] == [
        (409, "already_exists")
    ] * 2

    ask("PATCH", f"/v1/budgets/{first['budget_id']}", {"slug": "other"})
    assert ask("PATCH", path, {"slug": "daily"}).body["slug"] == "daily"
    assert put(ask, subject="agent:writer", limit="3").body["budget_id"] == second["budget_id"]
    ask("DELETE", path)
    assert put(ask, subject="agent:writer").status == 201
    assert ask("PATCH", f"/v1/budgets/{first['budget_id']}", {"slug": None}).body["slug"] is None
    assert put(ask, "other").status == 201


def test_a_slug_is_a_lower_case_name(ask: Ask) -> None:
    slugs = ["Daily", "-daily", "a%20b", "a" * 65, "%2F"]

    assert [put(ask, slug).status for slug in slugs] == [422] * len(slugs)


def test_a_put_checks_what_a_creation_checks(ask: Ask) -> None:
    above, foreign = put(ask, soft_limit="11"), put(ask, subject="organization:other")
    posted = ask("POST", "/v1/budgets", {**DAILY, "soft_limit": "11"})

    assert posted.body["error"]["param"] == "body.soft_limit"
    assert above.body["error"]["param"] == "body.soft_limit"
    assert foreign.body["error"]["param"] == "body.subject"
    assert put(ask, slug_in_the_body="x").status == 422
    assert not listed(ask)


def test_three_budgets_of_one_subject_are_applied_in_turn_with_the_tags_of_one_read(
    ask: Ask,
) -> None:
    """A tag is the budget's own revision: the policy's version grows with each of them."""
    periods = {"daily": "day", "monthly": "month", "yearly": "year"}
    for slug, unit in periods.items():
        put(ask, slug, period={"type": "calendar", "unit": unit})
    read = {budget["slug"]: budget["revision"] for budget in listed(ask)}
    ask("POST", "/v1/spend", {"subjects": {"agent": "researcher"}, "actual": {"usd": 4}})

    for slug, unit in periods.items():
        period = {"type": "calendar", "unit": unit}
        applied = put(ask, slug, f'"{read[slug]}"', limit="20", period=period)
        assert applied.status == 200, applied
        assert applied.headers["ETag"] != f'"{read[slug]}"'

    again = put(ask, "daily", f'"{read["daily"]}"', limit="30")
    assert (again.status, again.code) == (412, "version_mismatch")
    assert {budget["limit"] for budget in listed(ask)} == {"20"}


CHANGES = [
    ("PATCH", "", {"limit": "20"}),
    ("POST", "/pause", None),
    ("POST", "/resume", None),
    ("POST", "/disable", None),
    ("POST", "/enable", None),
    ("POST", "/credits", {"amount": "1"}),
    ("DELETE", "", None),
]


def test_every_change_of_a_budget_that_was_changed_since_is_412(ask: Ask) -> None:
    made = create(ask)
    path, old = f"/v1/budgets/{made.body['budget_id']}", made.headers["ETag"]
    now = ask("PATCH", path, {"name": "another"}).headers["ETag"]
    before = listed(ask)

    for method, action, body in CHANGES:
        for tag in (old, f"W/{now}", '"none"', f'{old}, "none"'):
            refused = ask(method, path + action, body, headers={"If-Match": tag})
            assert (refused.status, refused.code) == (412, "version_mismatch"), (method, action)
    assert listed(ask) == before

    for method, action, body in CHANGES:
        tags = f'"none", {ask("GET", path).headers["ETag"]}'
        done = ask(method, path + action, body, headers={"If-Match": tags})
        assert done.status in {200, 201}, (method, action, done)


def test_a_star_matches_what_exists(ask: Ask) -> None:
    absent = put(ask, tag="*")
    assert (absent.status, absent.code) == (412, "version_mismatch")

    put(ask)

    assert put(ask, tag="*", limit="11").status == 200
    malformed = put(ask, tag="7")
    assert (malformed.status, malformed.body["error"]["param"]) == (422, "header.if-match")


def test_a_replayed_creation_has_the_tag_of_its_response(ask: Ask) -> None:
    key = {"Idempotency-Key": "k"}
    first, replayed = (ask("POST", "/v1/budgets", DAILY, headers=key) for _ in range(2))

    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.headers["ETag"] == first.headers["ETag"]


OBJECTS = [
    ("/v1/token-caps/agent/a", "PUT", {"max_total_tokens": 5}, {"max_total_tokens": 6}),
    ("/v1/rates/eur/usd", "PUT", {"rate": "1.1"}, {"rate": "1.2"}),
    (
        "/v1/prices/openai/own-model",
        "PUT",
        {"input_per_million": 1, "output_per_million": 2},
        {"input_per_million": 1, "output_per_million": 3},
    ),
    ("/v1/tenant", "PATCH", {"require_budget": False}, {"require_budget": True}),
]


@pytest.mark.parametrize(("path", "method", "first", "second"), OBJECTS)
def test_every_other_object_that_can_be_changed_has_a_tag(
    ask: Ask, path: str, method: str, first: object, second: object
) -> None:
    made = ask(method, path, first)
    old = ask("GET", path).headers["ETag"]
    assert made.headers["ETag"] == old
    for other, other_method, body, _ in OBJECTS:
        if other != path:
            ask(other_method, other, body)

    changed = ask(method, path, second, headers={"If-Match": old})

    assert changed.status == 200, changed
    lost = ask(method, path, first, headers={"If-Match": old})
    assert (lost.status, lost.code) == (412, "version_mismatch")
    assert ask("GET", path).headers["ETag"] == changed.headers["ETag"] != old
    if path != "/v1/tenant":
        assert ask("DELETE", path, headers={"If-Match": old}).status == 412
        assert ask("DELETE", path, headers={"If-Match": changed.headers["ETag"]}).status == 200
        assert ask(method, path, first, headers={"If-Match": "*"}).status == 412


def test_of_two_tools_that_put_a_slug_at_once_the_later_one_changes_the_budget(
    ask: Ask, app: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one creates the budget between the look for the slug and the creation."""
    look = app.table.client.transact_write_items

    def after_the_other(**arguments: Any) -> Any:
        monkeypatch.undo()
        assert put(ask).status == 201
        return look(**arguments)

    monkeypatch.setattr(app.table.client, "transact_write_items", after_the_other)
    later = put(ask, limit="12")

    assert (later.status, later.body["limit"]) == (200, "12")
    assert len(listed(ask)) == 1
