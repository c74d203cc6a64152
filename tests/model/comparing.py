"""Answers as they are compared: what the service showed, and what the model saw."""

from collections import Counter as Tally
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from spendgate_service.store.client import Table
from tests.model.reference import Model
from tests.model.state import Amounts, Opening, Refused, Reservation, View, plain
from tests.support.functions import HttpAnswer
from tests.support.ledger_invariants import assert_books_balance
from tests.support.strategies import TENANT

BALANCE = ("budget_id", "subject", "unit", "limit", "spent", "held", "available", "status")
REPLACED = ("budget_id", "unit", "spent", "held")
LEASE = ("state", "granted", "captured", "returned", "held", "charged")
VIOLATION = (*BALANCE[:-1], "requested", "retry_after_seconds", "blocked_by")


def same_balances(balances: list[dict[str, Any]], views: list[View]) -> None:
    fields = (*BALANCE, "resets_in_seconds")
    assert [shown(balance, fields) for balance in balances] == [
        seen(view, fields) for view in views
    ]


def shown(body: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: body[name] for name in fields}


def seen(view: View, fields: tuple[str, ...]) -> dict[str, Any]:
    of_view = {
        "budget_id": view.rule.budget_id,
        "subject": view.subject,
        "unit": view.rule.unit,
        "limit": plain(view.rule.limit),
        "spent": plain(view.spent),
        "held": plain(view.held),
        "available": plain(view.available),
        "status": view.status,
        "resets_in_seconds": view.ends_in,
    }
    return {name: of_view[name] for name in fields if name in of_view}


def opening_on_wire(opening: Opening | None) -> dict[str, str]:
    if opening is None:
        return {}
    return {"opening_spent": "inherit" if opening == "inherit" else plain(opening)}


def moment(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


def subjects(caller: Mapping[str, str]) -> list[str]:
    own = [f"{kind}:{name}" for kind, name in caller.items()]
    return [f"organization:{TENANT}", f"api_key:key_{TENANT}", *own]


def on_wire(amounts: Amounts) -> dict[str, str]:
    return {unit: plain(amount) for unit, amount in amounts.items()}


def wish(caller: Mapping[str, str], amounts: Amounts) -> dict[str, Any]:
    return {"subjects": dict(caller), "amounts": on_wire(amounts)}


def comes_as_foretold(answer: HttpAnswer, check: Mapping[str, Any]) -> None:
    """What a reservation was answered is what a check had just said of it."""
    assert check["allowed"] == (answer.status == 201), (check, answer)
    if answer.status == 201:
        assert shown(check, ("action", "warnings")) == shown(answer.body, ("action", "warnings"))
        return
    error = answer.body["error"]
    wait = answer.headers.get("Retry-After")
    assert (check["error_code"], check["message"]) == (error["code"], error["message"])
    assert check["retry_after_seconds"] == (None if wait is None else int(wait))
    assert check["hint"] == error["hint"]
    violations = error["violations"]
    short = [
        violation for violation in violations if violation["blocked_by"] != "pause"
    ] or violations
    assert check["budget_id"] == short[0]["budget_id"]


def same_end(answer: HttpAnswer, one: Reservation, done: bool) -> None:
    if not done:
        is_below_captured = one.state == "held"
        assert answer.status == (422 if is_below_captured else 409), answer
        assert is_below_captured or answer.code == "reservation_finalized", answer
        return
    assert answer.status == 200, answer
    assert answer.body["state"] == one.state
    assert answer.body["actual"] == on_wire(one.actual)
    is_settled_late = one.state == "settled" and one.finalized_at_ms >= one.expires_at_ms
    is_late = one.captured_late or is_settled_late
    over = any(one.actual.get(unit, 0) > much for unit, much in one.amounts.items())
    assert (answer.body["late"], answer.body["overrun"]) == (is_late, over)


def same_lease(answer: HttpAnswer, one: Reservation, now_ms: int, *, status: int = 200) -> None:
    """The totals of a lease, and what it holds; a report that is refused changes none of them."""
    assert answer.status == status, answer
    if status == 409:
        assert answer.code == "reservation_finalized", answer
        return
    is_over = one.state == "held" and now_ms >= one.expires_at_ms
    holds = one.state == "held" and not is_over
    nothing = dict.fromkeys(one.amounts, Decimal(0))
    assert shown(answer.body, LEASE) == {
        "state": "expired" if is_over else one.state,
        "granted": on_wire(one.amounts),
        "captured": on_wire({**nothing, **one.captured}),
        "returned": on_wire({**nothing, **one.returned}),
        "held": on_wire(one.uncaptured if holds else nothing),
        "charged": one.is_charged,
    }


def same_refusal(answer: HttpAnswer, refused: Refused) -> None:
    assert answer.status in {409, 429}, answer
    assert answer.code == refused.code, (answer, refused)
    error = answer.body["error"]
    if refused.code == "budget_paused":
        assert answer.status == 409 and error["budget_id"] == refused.by[0][0].rule.budget_id
    else:
        assert answer.status == 429
    assert [shown(violation, VIOLATION) for violation in error["violations"]] == [
        {
            **seen(view, VIOLATION), "requested": plain(asked),
            "retry_after_seconds": wait, "blocked_by": blocked_by,
        }
        for view, asked, wait, blocked_by in refused.by
    ]  # fmt: skip


def same_books(table: Table, model: Model) -> None:
    """Ledger, counters and model come to the same for every budget and subject."""
    books = assert_books_balance(table, now_ms=model.now_ms)
    spent: Tally[tuple[str, str]] = Tally()
    credited: Tally[tuple[str, str]] = Tally()
    for (partition, _), amount in books.spent_by_ledger.items():
        spent[_counted(partition)] += amount
    for (partition, _), amount in books.credited_by_ledger.items():
        credited[_counted(partition)] += amount
    for (budget_id, subject, _), counter in model.counters.items():
        spent[budget_id, subject] -= _billionths(sum(amount for _, amount in counter.spent))
        credited[budget_id, subject] -= _billionths(counter.credits)
    assert not any(spent.values()) and not any(credited.values())


def _billionths(amount: Decimal | int) -> int:
    return int(amount * 10**9)


def _counted(partition: str) -> tuple[str, str]:
    _, _, _, budget_id, subject = partition.split("#")
    return budget_id, subject
