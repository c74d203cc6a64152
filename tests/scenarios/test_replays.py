"""A replay never promises what is no longer true, and is looked for before anything is refused.

The kinds behind the cases: a replay that gives a past permission as a present one; something that
can fail (a price, a rate, a cap, a policy, a pause) in front of the question "was this asked
before?".
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.scenarios.service import Body, Party, Service, calendar, duration, rolling
from tests.support.functions import HttpAnswer
from tests.support.settlement_queue import RecordingDeadLetters, send

OWN = "/v1/prices/mine/m"
RATE = "/v1/rates/eur/usd"
PRICE = {"input_per_million": "1000000", "output_per_million": "1000000"}
USAGE = {"provider": "mine", "model": "m", "input_tokens": 1, "max_output_tokens": 1}
USED = {"provider": "mine", "model": "m", "input_tokens": 1, "output_tokens": 1}
PERIODS = [{"type": "none"}, calendar("month"), duration("7d"), rolling("7d")]

pytestmark = pytest.mark.usefixtures("acme")


def keyed(party: Party, key: str, path: str, body: object) -> HttpAnswer:
    return party.ask("POST", path, body, headers={"Idempotency-Key": key})


def reserve(party: Party, key: str, amount: object = 1, ttl_seconds: int = 2) -> HttpAnswer:
    body = {
        "subjects": dict(party.subjects),
        "amounts": {"usd": str(amount)},
        "ttl_seconds": ttl_seconds,
    }
    return keyed(party, key, "/v1/reservations", body)


def assert_ended(party: Party, answer: HttpAnswer, code: str, first: Body) -> None:
    """The refusal of a request that needs a hold which has ended: it shows what became of it."""
    assert (answer.status, answer.code) == (409, code), answer.body
    assert answer.headers["x-should-retry"] == "false"
    assert answer.body["error"]["reservation"] == party.find(first)


class TestHoldsThatHaveEnded:
    @pytest.mark.parametrize("period", PERIODS)
    def test_a_replay_after_the_expiry_is_refused_and_holds_nothing(
        self, agent: Party, period: dict[str, Any]
    ) -> None:
        agent.budget("agent:a", 1, period=period)
        first = reserve(agent, "job-1").body
        agent.wait(3)
        agent.settle(reserve(agent, "job-2").body, 1)

        again = reserve(agent, "job-1")

        assert_ended(agent, again, "reservation_expired", first)
        assert (agent.balance["spent"], agent.balance["held"]) == ("1", "0")

    def test_the_same_where_the_budget_would_still_grant(self, agent: Party) -> None:
        agent.budget("agent:a", 10)
        first = reserve(agent, "job-1").body
        agent.wait(4)

        assert_ended(agent, reserve(agent, "job-1"), "reservation_expired", first)
        assert agent.balance["held"] == "0"

    def test_the_same_where_no_budget_applies(self, agent: Party) -> None:
        first = reserve(agent, "job-1").body
        agent.wait(2)

        assert_ended(agent, reserve(agent, "job-1"), "reservation_expired", first)

    @pytest.mark.parametrize("end", ["settle", "release"])
    def test_a_replay_after_a_settlement_or_a_release_is_refused(
        self, agent: Party, end: str
    ) -> None:
        agent.budget("agent:a", 10)
        first = reserve(agent, "job-1", ttl_seconds=300).body
        agent.done("POST", f"/v1/reservations/{first['reservation_id']}/{end}", {})

        assert_ended(
            agent, reserve(agent, "job-1", ttl_seconds=300), "reservation_finalized", first
        )
        assert agent.balance["held"] == "0"

    def test_a_replay_while_the_hold_is_in_force_gives_the_first_answer(self, agent: Party) -> None:
        agent.budget("agent:a", 1)
        first = reserve(agent, "job-1")
        agent.wait(1.999)

        again = reserve(agent, "job-1")

        assert (again.status, again.body) == (200, first.body)
        assert again.headers["Idempotency-Replayed"] == "true"

    def test_an_extended_hold_is_in_force_until_its_new_expiry(self, agent: Party) -> None:
        agent.budget("agent:a", 1)
        first = reserve(agent, "job-1").body
        agent.done(
            "POST", f"/v1/reservations/{first['reservation_id']}/extend", {"ttl_seconds": 60}
        )
        agent.wait(59)
        assert reserve(agent, "job-1").body == first

        agent.wait(1)
        assert_ended(agent, reserve(agent, "job-1"), "reservation_expired", first)

    def test_an_extension_after_the_expiry_is_refused_as_expired(self, agent: Party) -> None:
        first = reserve(agent, "job-1").body
        agent.wait(2)

        path = f"/v1/reservations/{first['reservation_id']}/extend"
        again = agent.ask("POST", path, {"ttl_seconds": 60})

        assert_ended(agent, again, "reservation_expired", first)

    def test_an_extension_after_a_release_is_refused_as_finalized(self, agent: Party) -> None:
        first = reserve(agent, "job-1").body
        agent.release(first)

        path = f"/v1/reservations/{first['reservation_id']}/extend"
        again = agent.ask("POST", path, {"ttl_seconds": 60})

        assert_ended(agent, again, "reservation_finalized", first)

    def test_a_settlement_after_the_expiry_is_applied_late(self, agent: Party) -> None:
        agent.budget("agent:a", 1)
        first = reserve(agent, "job-1").body
        agent.wait(3)

        settled = agent.settle(first, 1)

        assert (settled["state"], settled["late"]) == ("settled", True)
        assert agent.balance["spent"] == "1"


class TestLeasesInUse:
    @pytest.mark.parametrize(
        "captured",
        [
            {"actual": {"usd": "0"}, "returned": {"usd": "1"}},
            {"actual": {"usd": "1"}},
            {"actual": {"usd": "0.4"}, "returned": {"usd": "0.6"}},
            {"actual": {"usd": "0.4"}},
            {"actual": {"usd": "0"}, "returned": {"usd": "0.1"}},
        ],
    )
    def test_what_was_captured_or_given_back_is_not_promised_again(
        self, agent: Party, captured: Body
    ) -> None:
        agent.budget("agent:a", 1)
        first = reserve(agent, "job", ttl_seconds=600).body
        agent.done("POST", f"/v1/reservations/{first['reservation_id']}/capture", captured)

        again = reserve(agent, "job", ttl_seconds=600)

        assert_ended(agent, again, "reservation_finalized", first)

    def test_a_lease_of_which_nothing_was_used_or_that_grew_is_repeated(self, agent: Party) -> None:
        agent.budget("agent:a", 9)
        first = reserve(agent, "job", ttl_seconds=600).body
        path = f"/v1/reservations/{first['reservation_id']}"
        agent.done("POST", f"{path}/capture", {"actual": {"usd": "0"}})
        agent.done("POST", f"{path}/extend", {"ttl_seconds": 900, "amounts": {"usd": "2"}})

        again = reserve(agent, "job", ttl_seconds=600)

        assert (again.status, again.body["amounts"]) == (200, {"usd": "1"})


def take_the_price_away(party: Party) -> None:
    party.done("DELETE", OWN)


def cap_the_tokens(party: Party) -> None:
    party.done("PUT", "/v1/token-caps/agent/a", {"max_total_tokens": 1})


def pause(party: Party) -> None:
    (budget,) = party.done("GET", "/v1/budgets", query={"subject": "agent:a"})["data"]
    party.switch(budget, "pause")


def lower_the_limit(party: Party) -> None:
    (budget,) = party.done("GET", "/v1/budgets", query={"subject": "agent:a"})["data"]
    party.patch(budget, limit="0")


def require_another_budget(party: Party) -> None:
    (budget,) = party.done("GET", "/v1/budgets", query={"subject": "agent:a"})["data"]
    party.delete(budget)
    party.done("PATCH", "/v1/tenant", {"require_budget": True})


CHANGES = [
    take_the_price_away, cap_the_tokens, pause, lower_the_limit, require_another_budget,
]  # fmt: skip


class TestWhatWasAskedBefore:
    @pytest.fixture
    def dead_letters(self, service: Service) -> RecordingDeadLetters:
        letters = RecordingDeadLetters()
        service.parts = {"dead_letters": letters}
        service.restart()
        return letters

    @pytest.fixture
    def priced(self, acme: Party) -> Party:
        acme.done("PUT", OWN, PRICE)
        acme.budget("agent:a", 10)
        return acme.on(agent="a")

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_reservation_is_repeated_whatever_was_changed_since(
        self, priced: Party, change: Callable[[Party], None]
    ) -> None:
        body = {"subjects": {"agent": "a"}, "usage": USAGE}
        first = keyed(priced, "r", "/v1/reservations", body)
        change(priced)
        priced.wait(6)

        again = keyed(priced, "r", "/v1/reservations", body)

        prices_now = {"prices": again.body["prices"]}  # they are those of each response
        assert (first.status, again.status) == (201, 200)
        assert again.body == {**first.body, **prices_now}
        assert keyed(priced, "new", "/v1/reservations", body).status >= 400

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_settlement_and_a_record_are_repeated_too(
        self, priced: Party, change: Callable[[Party], None]
    ) -> None:
        held = priced.reserve(usage=USAGE)
        path = f"/v1/reservations/{held['reservation_id']}/settle"
        record = {"subjects": {"agent": "a"}, "usage": USED}
        settled = priced.ask("POST", path, {"usage": USED})
        recorded = keyed(priced, "s", "/v1/spend", record)
        change(priced)
        priced.wait(6)

        settled_again = priced.ask("POST", path, {"usage": USED})
        recorded_again = keyed(priced, "s", "/v1/spend", record)

        assert (settled.status, recorded.status) == (200, 201)
        for again, first in ((settled_again, settled), (recorded_again, recorded)):
            assert (again.status, again.body) == (200, first.body)
            assert again.headers["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize(
        ("set_up", "change", "what"),
        [
            pytest.param(
                ("PUT", RATE, {"rate": "2"}), ("DELETE", RATE),
                {"subjects": {"agent": "a"}, "amounts": {"eur": "1"}}, id="a rate is removed",
            ),
            pytest.param(
                ("PUT", RATE, {"rate": "2"}), ("PUT", RATE, {"rate": "3"}),
                {"subjects": {"agent": "a"}, "amounts": {"eur": "1"}}, id="a rate is changed",
            ),
            pytest.param(
                ("PATCH", "/v1/tenant", {"default_agent": "a"}),
                ("PATCH", "/v1/tenant", {"default_agent": "b"}),
                {"subjects": {"user": "u"}, "amounts": {"usd": "2"}}, id="another default agent",
            ),
            pytest.param(
                ("PATCH", "/v1/tenant", {"default_agent": "a"}),
                ("PATCH", "/v1/tenant", {"default_agent": None}),
                {"subjects": {"user": "u"}, "amounts": {"usd": "2"}}, id="no default agent",
            ),
        ],
    )  # fmt: skip
    def test_what_a_rate_or_the_default_agent_decided_is_repeated_when_they_change(
        self,
        dead_letters: RecordingDeadLetters,
        service: Service,
        priced: Party,
        set_up: Sequence[Any],
        change: Sequence[Any],
        what: Body,
    ) -> None:
        priced.done(*set_up)
        spent = {"subjects": what["subjects"], "actual": what["amounts"]}
        message = {"version": 1, "tenant_id": "acme", "type": "record", "event_id": "e", **spent}

        settled_id = keyed(priced, "r", "/v1/reservations", what).body["reservation_id"]

        def ask_all() -> list[HttpAnswer]:
            send(service, [message])
            return [
                keyed(priced, "open", "/v1/reservations", what),
                priced.ask(
                    "POST", f"/v1/reservations/{settled_id}/settle", {"actual": what["amounts"]}
                ),
                keyed(priced, "s", "/v1/spend", spent),
            ]

        first = ask_all()
        balance = priced.on(agent="a").balance
        priced.done(*change)
        priced.wait(6)

        again = ask_all()

        assert [answer.status for answer in first] == [201, 200, 201]
        assert [answer.status for answer in again] == [200, 200, 200]
        assert [answer.body for answer in again] == [answer.body for answer in first]
        assert priced.on(agent="a").balance == balance
        assert (balance["spent"], balance["held"]) == ("6", "2")
        assert dead_letters.codes == []

    @pytest.mark.parametrize("role", ["caller", "admin"])
    def test_a_key_whose_end_has_come_is_shown_again(self, acme: Party, role: str) -> None:
        body = {"role": role, "expires_at": "2026-03-08T12:01:00Z"}
        first = keyed(acme, "k", "/v1/keys", body)
        acme.wait(100)

        again = keyed(acme, "k", "/v1/keys", body)

        assert (first.status, again.status) == (201, 200)
        assert again.body == {**first.body, "secret": None}
        assert keyed(acme, "other", "/v1/keys", body).status == 422

    def test_duplicates_from_the_queue_are_never_dead_letters(
        self, dead_letters: RecordingDeadLetters, service: Service, priced: Party
    ) -> None:
        held = priced.reserve(usage=USAGE)
        about = {"version": 1, "tenant_id": "acme", "usage": USED}
        messages = [
            {**about, "type": "settle", "reservation_id": held["reservation_id"]},
            {**about, "type": "record", "event_id": "e", "subjects": {"agent": "a"}},
        ]
        send(service, messages)
        take_the_price_away(priced)
        priced.wait(6)

        send(service, messages)

        assert dead_letters.codes == []
        assert priced.on(agent="a").balance["spent"] == "4"

    def test_what_was_not_applied_before_still_goes_there_with_its_reason(
        self, dead_letters: RecordingDeadLetters, service: Service, priced: Party
    ) -> None:
        held = priced.reserve(1)
        unknown = {"version": 1, "usage": {**USED, "model": "unknown"}}
        messages = [
            {**unknown, "tenant_id": "acme", "type": "settle",
             "reservation_id": held["reservation_id"]},
            {**unknown, "tenant_id": "acme", "type": "record", "event_id": "e"},
            {**unknown, "tenant_id": "ghost", "type": "record", "event_id": "e"},
        ]  # fmt: skip
        send(service, messages)

        assert dead_letters.codes == ["unknown_price", "unknown_price", "not_found"]
        assert priced.balance["spent"] == "0"

    def test_a_settlement_without_a_price_is_no_replay_of_one_at_the_estimate(
        self, priced: Party
    ) -> None:
        held = priced.reserve(1)
        path = f"/v1/reservations/{held['reservation_id']}/settle"
        priced.done("POST", path, {})

        other = priced.ask("POST", path, {"usage": {**USED, "model": "unknown"}})

        assert other.code == "reservation_finalized"

    def test_another_request_under_the_key_is_a_conflict_also_without_a_price(
        self, priced: Party
    ) -> None:
        body = {"subjects": {"agent": "a"}, "usage": USAGE}
        keyed(priced, "r", "/v1/reservations", body)
        take_the_price_away(priced)
        priced.wait(6)

        other = keyed(priced, "r", "/v1/reservations", {**body, "ttl_seconds": 9})

        assert (other.code, other.headers["x-should-retry"]) == ("idempotency_conflict", "false")
