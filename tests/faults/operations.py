"""Operations that spend and budgets, with what must be there before, for faults to be tried on.

Those on leases and of administration are in `leases` and `administration`, all in `catalogue`.

`prepare` lays it down and answers what the operation has to know; `act` is one try of the caller,
who sends the same again, with the same idempotency key, until it is answered something else than
503.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.budgets.increase_requests import expire_requests
from spendgate_service.store.errors import Unavailable
from tests.support.clock import NOON_MS, FakeClock, in_seconds
from tests.support.fault_fixture import TENANT, Stage
from tests.support.functions import HttpAnswer
from tests.support.http_events import a_principal
from tests.support.settlement_queue import finishing, records

type Known = dict[str, Any]
type Act = Callable[[Stage, Known], HttpAnswer]

MONTH = {"type": "calendar", "unit": "month"}
HOUR = {"type": "calendar", "unit": "hour"}
FIVE_HOURS = {"type": "duration", "window": "5h"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `done_before` is the status if a try that seemed to fail has done it."""

    name: str
    prepare: Callable[[Stage], Known]
    act: Act
    done_before: int = 200


def one_budget(stage: Stage) -> Known:
    return {"agent": stage.party.budget("agent:researcher", 10)}


def three_budgets(stage: Stage) -> Known:
    """A month of the organization's, one default, a balance."""
    return {
        "organization": stage.party.budget(f"organization:{TENANT}", 100, period=MONTH),
        "agent": stage.party.budget("agent:*", 10, period=HOUR),
        "session": stage.party.budget("session:s-42", 10),
    }


def in_use(stage: Stage) -> Known:
    """Three budgets on which 2 are held and 1 is spent."""
    known = three_budgets(stage)
    known["spent"] = stage.party.settle(stage.party.reserve(1), 1)
    known["held"] = stage.party.reserve(2)
    return known


def prepared(
    prepare: Callable[[Stage], Known], *more: Callable[[Stage, Known], object]
) -> Callable[[Stage], Known]:
    """Lay down what `prepare` does, and then what each of these steps does."""

    def prepare_all(stage: Stage) -> Known:
        known = prepare(stage)
        for step in more:
            step(stage, known)
        return known

    return prepare_all


def _holds_expire(stage: Stage, _known: Known) -> None:
    """All of one budget is held, and the time of it is up."""
    for amount in (4, 6):
        stage.party.reserve(amount, ttl_seconds=60)
        stage.clock.advance(5)
    stage.clock.advance(100)


def _session_is_spent(stage: Stage, _known: Known) -> None:
    stage.party.spend(10)
    stage.party.budget("session:s-42", 0, unit="tokens")


def _default_changes(stage: Stage, known: Known) -> None:
    """The counters of a default lag behind its policy."""
    stage.party.reserve(1)
    stage.party.patch(known["agent"], limit="20")
    stage.clock.advance(10)


def _a_credit_ends(stage: Stage, known: Known) -> None:
    """A credit was given for an hour, and a part of it is spent when the hour is over."""
    ends = in_seconds(stage.clock, 600)
    stage.party.credit(known["session"], 5, expires_at=ends)
    stage.party.settle(stage.party.reserve(9), 9)
    stage.clock.advance(700)


def _window(subject: str) -> Callable[[Stage], Known]:
    return lambda stage: {"budget": stage.party.budget(subject, 10, period=FIVE_HOURS)}


def _a_period_ends(stage: Stage, known: Known) -> None:
    stage.party.release(known["held"])
    stage.clock.advance(3 * 3600)


def _a_spend(stage: Stage, known: Known) -> None:
    known["spend"] = stage.party.spend(1)


def _reverse(stage: Stage, known: Known) -> HttpAnswer:
    return stage.ask("POST", f"/v1/usage/{known['spend']['usage_id']}/reverse", {})


def _messages(stage: Stage, known: Known) -> None:
    """A settlement twice, a release, a record twice: five messages about three things."""
    known["other"] = stage.party.reserve(1)
    about = {"version": 1, "tenant_id": TENANT}
    settled = finishing(known["held"]["reservation_id"], {"usd": "1.5"})
    released = finishing(known["other"]["reservation_id"], None)
    recorded = {
        **about, "type": "record", "event_id": "evt-1", "subjects": dict(stage.party.subjects),
        "actual": {"usd": "0.5"},
    }  # fmt: skip
    known["records"] = records([settled, recorded, released, settled, recorded])


def _a_third_delivery(_stage: Stage, known: Known) -> None:
    """Two messages that two deliveries did not settle: each is marked, and tried by itself."""
    known["records"] = [
        {**record, "attributes": {"ApproximateReceiveCount": "2"}}
        for record in known["records"][:2]
    ]


def _reserve(amount: object = 1, *, key: str | None = None, **more: object) -> Act:
    def act(stage: Stage, _known: Known) -> HttpAnswer:
        wish = {"subjects": dict(stage.party.subjects), "amounts": {"usd": str(amount)}, **more}
        return stage.ask("POST", "/v1/reservations", wish, key=key)

    return act


def _check(stage: Stage, _known: Known) -> HttpAnswer:
    wish = {"subjects": dict(stage.party.subjects), "amounts": {"usd": "1"}}
    return stage.ask("POST", "/v1/check", wish)


def on_held(what: str, body: object = None) -> Act:
    """A request about the reservation that is held."""

    def act(stage: Stage, known: Known) -> HttpAnswer:
        return stage.ask("POST", f"/v1/reservations/{known['held']['reservation_id']}/{what}", body)

    return act


def _record(stage: Stage, _known: Known) -> HttpAnswer:
    body = {"subjects": dict(stage.party.subjects), "actual": {"usd": "1"}}
    return stage.ask("POST", "/v1/spend", body, key="k")


def _on_budget(
    method: str, what: str = "", body: object = None, *, of: str = "session", key: str | None = None
) -> Act:
    def act(stage: Stage, known: Known) -> HttpAnswer:
        return stage.ask(method, f"/v1/budgets/{known[of]['budget_id']}{what}", body, key=key)

    return act


def _create(stage: Stage, _known: Known) -> HttpAnswer:
    return stage.ask("POST", "/v1/budgets", NEW_BUDGET, key="k")


def _asks_for_more(stage: Stage, known: Known) -> None:
    """A caller has asked for more for a minute, with a key of its own."""
    agent = replace(stage.party, principal=a_principal("caller", tenant_id=TENANT, key_id="key_2"))
    wish = _more_on(known, until=in_seconds(stage.clock, 60))
    known["request"] = agent.done("POST", "/v1/increase-requests", wish)


def _more_on(known: Known, **more: str) -> dict[str, str]:
    return {"budget_id": known["session"]["budget_id"], "amount": "5", "reason": "r", **more}


def _its_end_comes(stage: Stage, _known: Known) -> None:
    stage.clock.advance(60)


def _ask_for_more(stage: Stage, known: Known) -> HttpAnswer:
    return stage.ask("POST", "/v1/increase-requests", _more_on(known), key="k")


def _decide(what: str) -> Act:
    def act(stage: Stage, known: Known) -> HttpAnswer:
        path = f"/v1/increase-requests/{known['request']['id']}/{what}"
        return stage.ask("POST", path, {"note": "n"}, key="k")

    return act


def _expire(stage: Stage, _known: Known) -> HttpAnswer:
    """What the scheduled function does for requests; one that fails is tried by the next run."""
    try:
        done = expire_requests(stage.table, now_ms=stage.clock.now_ms(), has_time=lambda: True)
    except Unavailable:
        return HttpAnswer(503, {}, {"Retry-After": "60"})
    return HttpAnswer(503 if done.failed else 200, {}, {"Retry-After": "60"})


def _consume(stage: Stage, known: Known) -> HttpAnswer:
    if not stage.waiting:
        stage.waiting += [dict(record) for record in known["records"]]
    return stage.consume()


NEW_BUDGET = {"subject": "session:s-42", "unit": "usd", "limit": "5", "period": HOUR}
TOMORROW = in_seconds(FakeClock(NOON_MS), 86_400)
OWN_BUDGET = {"subject": "agent:researcher", "unit": "usd", "limit": "5", "period": HOUR}
SLUG = "/v1/budgets/by-slug/researcher"
CREDIT = {"amount": "5", "description": "a top-up"}
SETTLED = {"actual": {"usd": "1.5"}}

SPENDING = (
    Operation("check, 3 budgets", in_use, _check),
    Operation("reserve, 1 budget", one_budget, _reserve()),
    Operation("reserve, 1 budget, with a key", one_budget, _reserve(key="k")),
    Operation("reserve, 3 budgets", in_use, _reserve()),
    Operation("reserve, 3 budgets, with a key", in_use, _reserve(key="k")),
    Operation("reserve, first use of an own window", _window("agent:researcher"), _reserve()),
    Operation("reserve, first use of a default's window", _window("agent:*"), _reserve(key="k")),
    Operation("reserve what expired holds leave", prepared(one_budget, _holds_expire), _reserve(9)),
    Operation(
        "reserve, refused by one of 3", prepared(three_budgets, _session_is_spent), _reserve(2)
    ),
    Operation(
        "reserve, refused, with a key",
        prepared(three_budgets, _session_is_spent),
        _reserve(2, key="k"),
    ),
    Operation(
        "reserve under a changed default", prepared(three_budgets, _default_changes), _reserve(15)
    ),
    Operation("reserve a part", in_use, _reserve(20, key="k", min_amounts={"usd": "1"})),
    Operation(
        "reserve after a credit's end", prepared(three_budgets, _a_credit_ends), _reserve("0.5")
    ),
    Operation("settle, 3 budgets", in_use, on_held("settle", SETTLED)),
    Operation("settle a batch of 5, 2 of them twice", prepared(in_use, _messages), _consume),
    Operation(
        "settle 2 messages at their third delivery",
        prepared(in_use, _messages, _a_third_delivery),
        _consume,
    ),
    Operation("release", in_use, on_held("release")),
    Operation("extend", in_use, on_held("extend", {"ttl_seconds": 900})),
    Operation("record, with a key", in_use, _record),
    Operation("credit, with a key", in_use, _on_budget("POST", "/credits", CREDIT, key="k")),
    Operation("ask for more, with a key", in_use, _ask_for_more),
    Operation(
        "approve a request, with a key", prepared(in_use, _asks_for_more), _decide("approve")
    ),
    Operation("deny a request, with a key", prepared(in_use, _asks_for_more), _decide("deny")),
    Operation("expire a request", prepared(in_use, _asks_for_more, _its_end_comes), _expire),
    Operation("create a budget, with a key", in_use, _create),
    Operation(
        "give a credit with an end",
        in_use,
        _on_budget("POST", "/credits", {**CREDIT, "expires_at": TOMORROW}, key="k"),
    ),
    Operation(
        "create a budget that goes on from its default",
        in_use,
        lambda stage, _known: stage.ask(
            "POST", "/v1/budgets", {**OWN_BUDGET, "opening_spent": "inherit"}, key="k"
        ),
    ),
    Operation(
        "put a budget by its slug", in_use, lambda stage, _known: stage.ask("PUT", SLUG, OWN_BUDGET)
    ),
    Operation("change a limit", in_use, _on_budget("PATCH", body={"limit": "20"})),
    Operation("change a default", in_use, _on_budget("PATCH", body={"limit": "20"}, of="agent")),
    Operation("change a period", in_use, _on_budget("PATCH", body={"period": FIVE_HOURS})),
    Operation("pause", in_use, _on_budget("POST", "/pause")),
    Operation("delete a budget", in_use, _on_budget("DELETE"), done_before=404),
    Operation("reverse a spend", prepared(in_use, _a_spend), _reverse),
    Operation("audit", in_use, _on_budget("GET", "/audit")),
    Operation(
        "close a period", prepared(in_use, _a_period_ends), lambda stage, _known: stage.roll_over()
    ),
)
