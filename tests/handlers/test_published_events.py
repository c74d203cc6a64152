"""What happens in the table and somebody shall be told of: its filter, its event, its schema."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.budgets.increase_requests import expire_requests
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.events import schema
from spendgate_service.events.envelope import Event, event_of
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.values import Item
from spendgate_service.wire.events import DETAILS
from tests.support.app import spendgate_over
from tests.support.engines import ROOT, template
from tests.support.functions import LambdaContext, load_function
from tests.support.http_events import Context, a_principal, http_event
from tests.support.ledger_invariants import scan
from tests.support.rollover import close
from tests.support.stream_records import Record, change
from tests.support.world import AGENT, TENANT, World

HOUR = 3600
ADMIN = a_principal("admin", tenant_id=TENANT)
CALLER = a_principal("caller", tenant_id=TENANT, key_id="key_agent")
FILTERS: list[Any] = [
    json.loads(admitted["Pattern"])
    for admitted in template()["Resources"]["PublishFunction"]["Properties"]["Events"]["Changes"][
        "Properties"
    ]["FilterCriteria"]["Filters"]
]
VALIDATOR = jsonschema_rs.Draft202012Validator(schema.document(), validate_formats=True)


@pytest.fixture
def world(memory_table: Table) -> World:
    return World(memory_table)


class Watched:
    """A table, and what its stream would say of it between two looks."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._before = self._items()

    def _items(self) -> dict[tuple[str, str], Item]:
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in scan(self.table)}

    def changes(self, *, by_ttl: bool = False) -> list[Record]:
        before, after = self._before, self._items()
        self._before = after
        return [
            change(before.get(key), after.get(key), number=number, by_ttl=by_ttl)
            for number, key in enumerate(sorted(before.keys() | after.keys()))
            if before.get(key) != after.get(key)
        ]

    def events(self, **how: Any) -> list[Event]:
        return [event for event in map(event_of, self.changes(**how)) if event]


class Recording(Watched):
    """Keeps all that it has seen."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.recorded: list[Record] = []

    def changes(self, **how: Any) -> list[Record]:
        found = super().changes(**how)
        self.recorded += found
        return found


def passes(record: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    """Whether Lambda's filter lets a record through, as far as the template uses its language."""
    for name, wanted in pattern.items():
        found = record.get(name)
        if isinstance(wanted, dict):
            if not isinstance(found, dict) or not passes(found, wanted):
                return False
        elif not any(_is(found, kind) for kind in wanted):
            return False
    return True


def _is(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, str) and found.startswith(wanted["prefix"])
    return bool(found == wanted)


def switch(table: Table, budget_id: str, action: str) -> None:
    """What an admin does over HTTP."""
    ask(table, "POST", f"/v1/budgets/{budget_id}/{action}")


def ask(
    table: Table,
    method: str,
    path: str,
    body: object = None,
    *,
    who: Context = ADMIN,
    status: int = 200,
) -> Any:
    event = http_event(method, path, principal=who, body=body)
    answer = _admin(table).handler(event, LambdaContext())
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"])


def _admin(table: Table) -> Any:
    return load_function("admin", spendgate_over(table))


def threshold(world: World, watched: Watched) -> list[Event]:
    world.budget(10)
    world.record(8)
    return watched.events()


def exhausted(world: World, watched: Watched) -> list[Event]:
    world.change(world.budget(10), warn_at_pct=())
    world.record(10)
    return watched.events()


def soft_limit(world: World, watched: Watched) -> list[Event]:
    budget = world.budget(10)
    pauses = {"soft_limit": 5 * ONE, "on_soft_limit": "pause", "warn_at_pct": ()}
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, **pauses), now_ms=world.clock.now_ms(),  # type: ignore[arg-type]
    )  # fmt: skip
    world.record(5)
    return watched.events()


def switched(world: World, watched: Watched) -> list[Event]:
    budget = world.budget(10)
    switch(world.table, budget.budget_id, "pause")
    switch(world.table, budget.budget_id, "resume")
    return watched.events()


def soft_limit_moved(world: World, watched: Watched) -> list[Event]:
    soft_limit(world, watched)
    budget = world.balance_of(AGENT).budget
    ask(world.table, "PATCH", f"/v1/budgets/{budget.budget_id}", {"soft_limit": "6"})
    return watched.events()


def default_switched(world: World, watched: Watched) -> list[Event]:
    budget = world.budget(10, on="agent:*")
    switch(world.table, budget.budget_id, "pause")
    switch(world.table, budget.budget_id, "resume")
    return watched.events()


def closed(world: World, watched: Watched) -> list[Event]:
    """A period with a hold at its end, which is settled late: a statement, and its correction."""
    world.budget(100, period=CalendarPeriod("hour"))
    reservation = world.reserve(5, ttl_seconds=2 * HOUR)
    world.clock.advance(HOUR + CLOSING_GRACE_SECONDS)
    close(world)
    first = watched.events()
    world.settle(reservation, 4)
    close(world)
    return [*first, *watched.events()]


def overrun(world: World, watched: Watched) -> list[Event]:
    world.budget(100)
    reservation = world.reserve(5)
    watched.changes()
    world.settle(reservation, 6)
    return watched.events()


def expired(world: World, watched: Watched) -> list[Event]:
    world.budget(100)
    reservation = world.reserve(5)
    watched.changes()
    world.table.delete(values.key(world.reservation_key(reservation)))
    return watched.events(by_ttl=True)


def without_changes(events: list[Event]) -> list[Event]:
    """All but what an admin has done to let the others happen."""
    return [event for event in events if event.event_type != "budget.changed"]


def changed(world: World, watched: Watched) -> list[Event]:
    """Every change of a budget by an admin is an event, also its creation."""
    world.set_limit(world.budget(10), 5)
    return watched.events()


def _asked_and(world: World, what: str) -> None:
    budget = world.budget(10)
    wish = {"budget_id": budget.budget_id, "amount": "5", "reason": "r"}
    asked = ask(world.table, "POST", "/v1/increase-requests", wish, who=CALLER, status=201)
    ask(world.table, "POST", f"/v1/increase-requests/{asked['id']}/{what}", {})


def approved(world: World, watched: Watched) -> list[Event]:
    _asked_and(world, "approve")
    return watched.events()


def denied(world: World, watched: Watched) -> list[Event]:
    _asked_and(world, "deny")
    return watched.events()


def request_expired(world: World, watched: Watched) -> list[Event]:
    budget = world.budget(10)
    wish = {"budget_id": budget.budget_id, "amount": "5", "reason": "r"}
    ask(world.table, "POST", "/v1/increase-requests", wish, who=CALLER, status=201)
    in_a_month_ms = int(time.time() * 1000) + 30 * 86_400_000
    expire_requests(world.table, now_ms=in_a_month_ms, has_time=lambda: True)
    return watched.events()


type Story = Callable[[World, Watched], list[Event]]

STORIES: Mapping[Story, list[str]] = {
    threshold: ["budget.threshold_reached"],
    exhausted: ["budget.exhausted"],
    soft_limit: ["budget.paused", "budget.threshold_reached"],
    switched: ["budget.paused", "budget.resumed"],
    soft_limit_moved: ["budget.resumed"],
    default_switched: ["budget.paused", "budget.resumed"],
    closed: ["budget.period_closed", "budget.period_closed"],
    changed: ["budget.changed", "budget.changed"],
    overrun: ["reservation.overrun"],
    expired: ["reservation.expired"],
    approved: ["request.approved", "request.opened"],
    denied: ["request.denied", "request.opened"],
    request_expired: ["request.expired", "request.opened"],
}


@pytest.mark.parametrize("story", STORIES, ids=lambda case: case.__name__)
def test_what_happened_is_told_in_the_words_of_the_schema(world: World, story: Story) -> None:
    published = story(world, Watched(world.table))
    events = [event for event in published if event.event_type in STORIES[story]]

    assert {event.event_type for event in published} <= {*STORIES[story], "budget.changed"}
    assert [event.event_type for event in events] == STORIES[story]
    for event in events:
        VALIDATOR.validate(json.loads(event.detail))
        assert event.tenant_id == TENANT


def test_every_type_of_event_has_a_story() -> None:
    told = {event_type for types in STORIES.values() for event_type in types}

    assert told == DETAILS.keys()


def test_a_field_that_is_missing_is_noticed_by_the_schema(world: World) -> None:
    (event,) = without_changes(threshold(world, Watched(world.table)))

    for name in json.loads(event.detail):
        detail = json.loads(event.detail)
        del detail[name]
        assert not VALIDATOR.is_valid(detail), name


def test_the_balance_of_an_event_is_that_of_the_interface(world: World) -> None:
    (event,) = without_changes(threshold(world, Watched(world.table)))

    detail = json.loads(event.detail)
    path = f"/v1/budgets/{detail['budget_id']}/balance"
    answer = _admin(world.table).handler(http_event("GET", path, principal=ADMIN), LambdaContext())
    assert detail["balance"] == json.loads(answer["body"])


def test_the_balance_of_a_closed_period_adds_up_to_its_statement(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("hour"), carry_over=CarryOver(unused=True))
    watched = Watched(world.table)
    world.record(3)
    world.reserve(2, ttl_seconds=2 * HOUR)
    world.clock.advance(HOUR + CLOSING_GRACE_SECONDS)
    close(world)

    (event,) = watched.events()

    detail = json.loads(event.detail)
    balance, statement = detail["balance"], detail["statement"]
    assert (balance["spent"], balance["held"], balance["available"]) == ("3", "2", "0")
    assert (statement["unused"], statement["carried_out"]) == ("5", "5")
    assert balance["period"]["key"] == statement["period_key"]
    assert balance["forecast"] == {"burn_rate_per_hour": "3", "limit_reached_at": None}
    assert (balance["budget_id"], balance["limit"]) == (budget.budget_id, "10")


def test_an_overrun_is_told_with_the_reservation_as_it_was_settled(world: World) -> None:
    (event,) = overrun(world, Watched(world.table))

    reservation = json.loads(event.detail)["reservation"]
    assert (reservation["state"], reservation["overrun"]) == ("settled", True)
    assert (reservation["amounts"], reservation["actual"]) == ({"usd": "5"}, {"usd": "6"})


def test_a_hold_that_nobody_settled_is_told_as_expired_at_its_expiry(world: World) -> None:
    (event,) = expired(world, Watched(world.table))

    detail = json.loads(event.detail)
    assert detail["reservation"]["state"] == "expired"
    assert detail["occurred_at"] == detail["reservation"]["expires_at"]


def test_a_correction_is_told_as_one_with_an_id_of_its_own(world: World) -> None:
    first, second = without_changes(closed(world, Watched(world.table)))

    one, other = (json.loads(event.detail)["statement"] for event in (first, second))
    assert first.event_id != second.event_id
    assert (one["revision"], one["is_final"], one["corrects"]) == (1, False, None)
    assert (other["revision"], other["is_final"], other["corrects"]) == (2, True, one["id"])
    assert (one["spent"], one["held"], other["spent"], other["held"]) == ("0", "5", "4", "0")


def test_a_reservation_that_somebody_deletes_is_no_event(world: World) -> None:
    world.budget(100)
    reservation = world.reserve(5)
    watched = Watched(world.table)
    world.table.delete(values.key(world.reservation_key(reservation)))

    assert watched.events() == []


def test_a_settled_reservation_that_ttl_removes_is_no_event(world: World) -> None:
    world.budget(100)
    reservation = world.reserve(5)
    world.settle(reservation, 6)
    watched = Watched(world.table)
    world.table.delete(values.key(world.reservation_key(reservation)))

    assert watched.events(by_ttl=True) == []


def _is_of_another_log(record: Record) -> bool:
    item = record["dynamodb"].get("NewImage", {})
    is_entry = "sk" in item and item["sk"]["S"].startswith(keys.CHANGE_PREFIX)
    return is_entry and "subject" not in item


@pytest.mark.parametrize("story", STORIES, ids=lambda case: case.__name__)
def test_the_filters_let_through_exactly_what_is_an_event(world: World, story: Story) -> None:
    """Of every change of a story, and of every removal, by a caller and by TTL.

    And the entries of the change log that are not about a budget, which no filter tells apart.
    """
    watched = Recording(world.table)
    story(world, watched)
    removals = [
        change(item, None, by_ttl=by_ttl) for item in scan(world.table) for by_ttl in (False, True)
    ]
    everything = watched.recorded + removals

    let_through = [
        record
        for record in everything
        if any(passes(record, admitted) for admitted in FILTERS) and not _is_of_another_log(record)
    ]

    assert let_through == [record for record in everything if event_of(record)]
    assert 0 < len(let_through) < len(everything)


def test_the_schema_that_is_published_is_the_one_of_the_code() -> None:
    published = json.loads((ROOT / "docs/events.schema.json").read_text(encoding="utf-8"))

    assert published == schema.document(), "run: make docs"


def test_the_document_has_an_example_of_each_event_that_its_schema_allows() -> None:
    text = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in text.split("```json\n")[1:]]
    examples = [json.loads(block) for block in blocks]

    for example in examples:
        VALIDATOR.validate(example["detail"])
        assert example["source"] == "spendgate"
        assert example["detail-type"] == example["detail"]["type"]
    assert [shown["detail-type"] for shown in examples] == list(DETAILS)


def test_the_functions_announce_what_the_tests_do(memory_table: Table) -> None:
    World(memory_table).budget(10)
    watched = Watched(memory_table)
    body = {"subjects": {"agent": "researcher"}, "actual": {"usd": "9"}}
    event = http_event("POST", "/v1/spend", body=body, principal=a_principal("caller"))
    settle = load_function("settle", spendgate_over(memory_table))

    assert settle.handler(event, LambdaContext())["statusCode"] == 201

    (told,) = watched.events()
    VALIDATOR.validate(json.loads(told.detail))
