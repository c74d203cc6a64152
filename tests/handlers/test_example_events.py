"""Every file of events/ gets the answer it is named after, over what `local.seed` lays down."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.bootstrap import TENANT_ID
from local.invoke import function_of
from local.seed import BEARER, KEY_ID, seed
from spendgate_service.app import Spendgate
from spendgate_service.events.bus import BusEntry
from spendgate_service.settings import Settings
from tests.support.engines import ROOT
from tests.support.functions import LambdaContext, load_function

type Json = dict[str, Any]

EVENTS = ROOT / "events"
KEPT_MS = 60_000


@dataclass(slots=True)
class DeadLetterList:
    """The dead-letter queue, as far as the settlement of a batch sees it."""

    codes: list[str] = field(default_factory=list)

    def dead_letter(
        self, body: str, *, code: str, reason: str, message_id: str, **_sent_at: int | None
    ) -> None:
        assert body and reason and message_id
        self.codes.append(code)


@dataclass(frozen=True, slots=True)
class PatientContext(LambdaContext):
    def get_remaining_time_in_millis(self) -> int:
        return KEPT_MS


@pytest.fixture
def dead_letters(app: Spendgate) -> DeadLetterList:
    queue = DeadLetterList()
    vars(app)["dead_letters"] = queue
    return queue


@dataclass(slots=True)
class EventList:
    """The event bus, as far as the publisher sees it."""

    entries: list[BusEntry] = field(default_factory=list)

    def put(self, entries: Sequence[BusEntry]) -> list[None]:
        self.entries += entries
        return [None] * len(entries)


@pytest.fixture
def bus(app: Spendgate) -> EventList:
    events = EventList()
    vars(app)["event_bus"] = events
    app.settings = Settings({"EVENT_RETRY_SECONDS": "900"})
    return events


@pytest.fixture
def replay(app: Spendgate, dead_letters: DeadLetterList, bus: EventList) -> Callable[[str], Json]:
    assert dead_letters.codes == []
    assert bus.entries == []
    seed(app.table, now_ms=app.clock.now_ms())

    def call(name: str) -> Json:
        function = function_of(EVENTS / f"{name}.json").removesuffix("Function").lower()
        answer: Json = load_function(function, app).handler(event(name), PatientContext())
        return answer

    return call


def event(name: str) -> Json:
    parsed: Json = json.loads((EVENTS / f"{name}.json").read_text())
    return parsed


def body_of(answer: Mapping[str, Any]) -> Json:
    parsed: Json = json.loads(answer["body"])
    return parsed


ANSWERS: dict[str, tuple[int, Json]] = {
    "admin-create-budget": (201, {"subject": "agent:sample-created", "limit": "10"}),
    "admin-unknown-route": (404, {"error.code": "not_found"}),
    "check-granted": (200, {"allowed": True, "action": "continue", "error_code": None}),
    "check-malformed": (400, {"error.code": "invalid_json"}),
    "check-refused": (
        200,
        {"allowed": False, "action": "stop", "error_code": "insufficient_quota"},
    ),
    "reserve-granted": (201, {"state": "held", "amounts": {"usd": "0.05"}}),
    "reserve-malformed": (422, {"error.param": "body.amounts.usd"}),
    "reserve-refused": (429, {"error.code": "insufficient_quota"}),
    "settle-over-http": (200, {"state": "settled", "actual": {"usd": "0.031"}}),
}
OTHERS = {
    "authorizer-valid-key",
    "authorizer-wrong-key",
    "publish-budget-exhausted",
    "publish-reservation-expired",
    "rollover-every-minute",
    "settle-from-queue",
}


def test_every_event_is_replayed() -> None:
    assert {path.stem for path in EVENTS.iterdir()} == ANSWERS.keys() | OTHERS


@pytest.mark.parametrize("name", ANSWERS)
def test_an_http_event_is_answered_as_its_name_says(
    replay: Callable[[str], Json], name: str
) -> None:
    status, fields = ANSWERS[name]

    answer = replay(name)

    body = body_of(answer)
    told = {**body, **{f"error.{field}": it for field, it in body.get("error", {}).items()}}
    assert answer["statusCode"] == status
    assert {field: told[field] for field in fields} == fields
    assert answer["headers"]["X-Request-Id"] == event(name)["requestContext"]["requestId"]


def test_a_refused_reservation_names_the_budget_that_refused(
    replay: Callable[[str], Json],
) -> None:
    answer = replay("reserve-refused")

    (violation,) = body_of(answer)["error"]["violations"]
    assert violation["budget_id"] == "bud_0000000000000samplerefused"
    assert answer["headers"]["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("reserve-refused", "refused_insufficient_quota"),
        ("settle-from-queue", "dead_lettered"),
        ("rollover-every-minute", "periods_closed"),
        ("publish-reservation-expired", "events_published"),
    ],
)
def test_a_function_publishes_what_it_counted_when_it_ends(
    replay: Callable[[str], Json], capsys: pytest.CaptureFixture[str], name: str, metric: str
) -> None:
    replay(name)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line[metric] for line in lines if "_aws" in line] == [[1.0]]


def test_a_batch_settles_once_and_puts_the_poison_aside(
    replay: Callable[[str], Json], dead_letters: DeadLetterList
) -> None:
    assert replay("settle-from-queue") == {"batchItemFailures": []}

    assert dead_letters.codes == ["not_found"]
    (budget,) = spent_by(replay)
    assert (budget["spent"], budget["held"]) == ("0.031", "0.05")


def spent_by(replay: Callable[[str], Json]) -> list[Json]:
    budgets: list[Json] = body_of(replay("check-granted"))["budgets"]
    return budgets


def test_the_key_of_the_valid_event_is_the_callers(replay: Callable[[str], Json]) -> None:
    assert replay("authorizer-valid-key") == {
        "isAuthorized": True,
        "context": {
            "tenant_id": TENANT_ID,
            "key_id": KEY_ID,
            "role": "caller",
            "name": '"sample events"',
        },
    }
    assert event("authorizer-valid-key")["headers"]["authorization"] == f"Bearer {BEARER}"


def test_a_wrong_key_is_nobodys(replay: Callable[[str], Json]) -> None:
    answer = replay("authorizer-wrong-key")

    assert answer == {"isAuthorized": True, "context": {"error": "invalid_api_key"}}


def test_the_rollover_closes_the_hour_that_has_ended(replay: Callable[[str], Json]) -> None:
    assert replay("rollover-every-minute")["closed"] == 1
    assert replay("rollover-every-minute")["closed"] == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("publish-budget-exhausted", {"type": "budget.exhausted", "subject": "agent:sample-rich"}),
        ("publish-reservation-expired", {"type": "reservation.expired"}),
    ],
)
def test_a_change_of_the_table_is_published(
    replay: Callable[[str], Json], bus: EventList, name: str, told: Json
) -> None:
    assert replay(name) == {"batchItemFailures": []}

    (entry,) = bus.entries
    detail = json.loads(entry.detail)
    assert {field: detail[field] for field in told} == told
    assert (entry.source, entry.detail_type) == ("spendgate", detail["type"])
    assert detail["tenant_id"] == TENANT_ID


def test_seeding_twice_changes_nothing(replay: Callable[[str], Json], app: Spendgate) -> None:
    before = spent_by(replay)

    seed(app.table, now_ms=app.clock.now_ms())

    assert spent_by(replay) == before
