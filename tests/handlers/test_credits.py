"""Credits: each once, in the ledger and in the balance alike, on every kind of budget."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from spendgate_service.budgets import credit as store
from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.reservations import Provenance
from spendgate_service.store.client import Table
from tests.handlers.test_budgets import create, reserve, spend
from tests.support.handlers import Ask

NOW_MS = 1_772_971_200_000


def credit(ask: Ask, budget: dict[str, Any], key: str | None = None, **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    path = f"/v1/budgets/{budget['budget_id']}/credits"
    return ask("POST", path, {"amount": "5", **body}, headers=headers)


def differences(ask: Ask, budget: dict[str, Any]) -> list[Any]:
    found: list[Any] = ask("GET", f"/v1/budgets/{budget['budget_id']}/audit").body["differences"]
    return found


def test_a_top_up_is_answered_with_its_entry_and_the_balance_it_leads_to(ask: Ask) -> None:
    made = create(ask)
    spend(ask, "4")

    answer = credit(ask, made, description="June top-up", ref_type="invoice", ref_id="inv-7")

    assert answer.status == 201
    entry = {name: value for name, value in answer.body.items() if name != "balance"}
    assert (entry["amount"], entry["description"], entry["ref_id"]) == (
        "-5",
        "June top-up",
        "inv-7",
    )
    assert entry["id"].startswith("led_")
    assert answer.body["balance"]["available"] == "11"
    path = f"/v1/budgets/{made['budget_id']}"
    assert entry in ask("GET", f"{path}/ledger").body["data"]
    assert ask("GET", f"{path}/balance").body["available"] == "11"
    assert differences(ask, made) == []


def test_a_top_up_reactivates_an_exhausted_budget(ask: Ask) -> None:
    made = create(ask)
    spend(ask, "12")
    assert reserve(ask, "1") == 429

    answer = credit(ask, made)

    assert answer.body["balance"]["available"] == "3"
    assert answer.body["balance"]["status"] == "warning"
    assert reserve(ask, "1") == 201


@pytest.mark.parametrize(
    "period",
    [
        {"type": "none"},
        {"type": "calendar", "unit": "month"},
        {"type": "duration", "window": "5h"},
        {"type": "rolling", "window": "5h"},
    ],
)
@pytest.mark.parametrize("is_used", [True, False])
def test_a_credit_of_any_period_agrees_with_the_ledger(
    ask: Ask, period: dict[str, str], is_used: bool
) -> None:
    made = create(ask, period=period)
    if is_used:
        spend(ask, "4")

    answer = credit(ask, made)
    spend(ask, "1")

    balance = ask("GET", f"/v1/budgets/{made['budget_id']}/balance").body
    assert answer.body["period_key"] == balance["period"]["key"]
    assert balance["available"] == ("10" if is_used else "14")
    assert differences(ask, made) == []


def test_a_repeated_credit_is_the_first_answer_again(ask: Ask) -> None:
    made = create(ask)
    first = credit(ask, made, key="k-1")
    spend(ask, "1")

    again = credit(ask, made, key="k-1", amount=5)

    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.body == first.body
    assert ask("GET", f"/v1/budgets/{made['budget_id']}/balance").body["available"] == "14"


def test_an_idempotency_key_for_another_credit_is_a_conflict(ask: Ask) -> None:
    one, other = create(ask), create(ask)
    credit(ask, one, key="k-1")

    assert credit(ask, one, key="k-1", amount="6").code == "idempotency_conflict"
    assert credit(ask, other, key="k-1").code == "idempotency_conflict"


def test_a_credit_on_a_default_is_for_one_subject(ask: Ask) -> None:
    made = create(ask, subject="agent:*")

    nobody = credit(ask, made)
    stranger = credit(ask, made, subject="session:s")
    everybody = credit(ask, made, subject="agent:*")
    somebody = credit(ask, made, subject="agent:researcher")

    for refused in (nobody, stranger, everybody):
        assert (refused.status, refused.body["error"]["param"]) == (422, "body.subject")
    assert somebody.body["balance"]["available"] == "15"
    assert [reserve(ask, "15"), reserve(ask, "1")] == [201, 429]
    assert differences(ask, made) == []


def test_a_credit_on_one_subject_may_name_it_and_no_other(ask: Ask) -> None:
    made = create(ask)

    assert credit(ask, made, subject="agent:researcher").status == 201
    assert credit(ask, made, subject="agent:other").status == 422


def test_a_deleted_budget_takes_no_credit(ask: Ask) -> None:
    made = create(ask)
    ask("DELETE", f"/v1/budgets/{made['budget_id']}")

    assert credit(ask, made).status == 404


class ChangedMeanwhile(Table):
    """Somebody raises the limit just before the first transaction."""

    budget_id = ""

    def transact(self, writes: Sequence[dict[str, Any]]) -> None:
        budget_id, self.budget_id = self.budget_id, ""
        if budget_id:
            change_budget(
                self,
                "acme",
                budget_id,
                lambda current: replace(current, limit=20 * ONE),
                now_ms=NOW_MS,
            )
        super().transact(writes)


def test_a_credit_meets_the_budget_as_it_is_and_not_as_it_was_read(
    ask: Ask, memory_table: Table
) -> None:
    made = create(ask)
    table = ChangedMeanwhile(memory_table.client, memory_table.name)
    table.budget_id = made["budget_id"]

    done = store.apply_credit(
        table, "acme", store.Credit(made["budget_id"], None, 5 * ONE, Provenance()),
        idempotency=None, now_ms=NOW_MS,
    )  # fmt: skip

    assert isinstance(done, store.Credited)
    assert done.balance.available == 25 * ONE
    assert ask("GET", f"/v1/budgets/{made['budget_id']}/balance").body["available"] == "25"
    assert differences(ask, made) == []


PERIODS: list[dict[str, str]] = [
    {"type": "none"},
    {"type": "calendar", "unit": "month"},
    {"type": "duration", "window": "5h"},
    {"type": "rolling", "window": "5h"},
]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("subject", ["agent:researcher", "agent:*"])
def test_a_correction_takes_at_most_what_is_available(
    ask: Ask, period: dict[str, str], subject: str
) -> None:
    made = create(ask, period=period, subject=subject)
    named = {"subject": "agent:researcher"} if subject == "agent:*" else {}
    assert credit(ask, made, amount="15", **named).status == 201
    spend(ask, "4")
    assert reserve(ask, "1") == 201

    too_much = credit(ask, made, amount="-20.000000001", **named)
    all_of_it = credit(ask, made, amount="-20", **named)

    assert (too_much.status, too_much.body["error"]["param"]) == (422, "body.amount")
    assert "20 are available" in too_much.body["error"]["message"]
    assert all_of_it.status == 201
    assert (all_of_it.body["amount"], all_of_it.body["kind"]) == ("20", "credit")
    balance = all_of_it.body["balance"]
    assert (balance["credits"], balance["available"], balance["spent"]) == ("-5", "0", "4")
    assert reserve(ask, "0.000000001") == 429
    assert differences(ask, made) == []


def test_a_correction_of_an_unused_counter_is_bound_by_the_limit(ask: Ask) -> None:
    made = create(ask)

    assert credit(ask, made, amount="-10.1").status == 422
    assert credit(ask, made, amount="-10").body["balance"]["available"] == "0"
    assert differences(ask, made) == []


def test_a_correction_follows_a_lowered_default(ask: Ask) -> None:
    made = create(ask, subject="agent:*")
    spend(ask, "1")
    ask("PATCH", f"/v1/budgets/{made['budget_id']}", {"limit": "5"})
    named = {"subject": "agent:researcher"}

    assert credit(ask, made, amount="-4.1", **named).status == 422
    assert credit(ask, made, amount="-4", **named).body["balance"]["available"] == "0"
    assert differences(ask, made) == []


@pytest.mark.parametrize("amount", ["0", 0, "-0", "-0.0000000001", True])
def test_a_credit_of_nothing_is_refused(ask: Ask, amount: Any) -> None:
    answer = credit(ask, create(ask), amount=amount)

    assert (answer.status, answer.body["error"]["param"]) == (422, "body.amount")


@pytest.mark.parametrize("period", PERIODS)
def test_a_soft_limit_may_be_as_high_as_limit_and_credits_and_its_pause_ends(
    ask: Ask, period: dict[str, str]
) -> None:
    made = create(ask, period=period, soft_limit="8", on_soft_limit="pause")
    path = f"/v1/budgets/{made['budget_id']}"
    spend(ask, "8.5")
    assert reserve(ask, "1") == 409

    assert ask("PATCH", path, {"soft_limit": "28"}).status == 422
    credit(ask, made, amount="20")
    too_high = ask("PATCH", path, {"soft_limit": "30.1"})
    raised = ask("PATCH", path, {"soft_limit": "28"})

    assert (too_high.status, too_high.body["error"]["param"]) == (422, "body.soft_limit")
    assert "10 and the credits of 20; send 30 or less" in too_high.body["error"]["message"]
    assert (raised.status, raised.body["balance"]["status"]) == (200, "active")
    assert reserve(ask, "1") == 201
    assert ask("PATCH", path, {"name": "renamed"}).status == 200
    assert ask("PATCH", path, {"limit": "7"}).status == 422


def test_a_soft_limit_of_a_default_is_bound_by_its_limit(ask: Ask) -> None:
    made = create(ask, subject="agent:*")
    credit(ask, made, amount="20", subject="agent:researcher")

    assert ask("PATCH", f"/v1/budgets/{made['budget_id']}", {"soft_limit": "28"}).status == 422
