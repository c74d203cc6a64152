"""The gateway reservations of cortex: quota and rate limits, rolling windows, fan-out, settling."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from spendgate_service.domain.hold_buckets import bucket_width_seconds
from tests.scenarios.service import (
    CLOCKS_DIFFER_SECONDS,
    HOUR,
    Party,
    calendar,
    insist,
    rolling,
)
from tests.support.functions import HttpAnswer


@pytest.fixture
def user(acme: Party) -> Party:
    return acme.on(user="u")


class TestCodes:
    def test_a_balance_over_its_limit_is_insufficient_quota_and_not_worth_a_retry(
        self, user: Party
    ) -> None:
        user.budget("user:u", 10)
        user.spend("10.5")

        refused = user.try_reserve(1)

        assert (refused.status, refused.code) == (429, "insufficient_quota")
        assert "Retry-After" not in refused.headers
        assert refused.headers["x-should-retry"] == "false"
        assert refused.body["error"]["violations"][0]["retry_after_seconds"] is None

    @pytest.mark.parametrize("period", [rolling("1h"), calendar("hour")])
    def test_a_window_over_its_limit_is_a_rate_limit_that_says_when_to_retry(
        self, user: Party, period: dict[str, str]
    ) -> None:
        user.budget("user:u", 10, period=period)
        user.spend(10)

        refused = user.try_reserve(1)

        assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
        assert 1 <= int(refused.headers["Retry-After"]) <= HOUR + HOUR // 24 + CLOCKS_DIFFER_SECONDS
        assert refused.headers["x-should-retry"] == "false"

    def test_a_retry_is_never_told_to_come_at_once(self, user: Party) -> None:
        user.budget("user:u", 10, period=calendar("hour"))
        user.spend(10)
        user.wait(HOUR - 0.001)

        assert user.try_reserve(1).headers["Retry-After"] == "1"

    def test_a_balance_and_a_window_over_their_limits_are_insufficient_quota(
        self, user: Party
    ) -> None:
        user.budget("user:u", 10, period=rolling("1h"))
        user.budget("user:u", 10)
        user.spend(10)

        refused = user.try_reserve(1)

        assert (refused.status, refused.code) == (429, "insufficient_quota")
        assert "Retry-After" not in refused.headers
        assert refused.headers["x-should-retry"] == "false"
        assert len(refused.body["error"]["violations"]) == 2

    def test_of_two_windows_over_their_limits_the_longer_wait_is_told(self, user: Party) -> None:
        user.budget("user:u", 10, period=calendar("hour"))
        user.budget("user:u", 10, period=calendar("day"))
        user.spend(10)

        assert user.try_reserve(1).headers["Retry-After"] == str(12 * HOUR)

    def test_a_check_foretells_the_code_of_the_refusal(self, user: Party) -> None:
        user.budget("user:u", 10)
        user.spend(10)

        checked = user.check(1)

        assert (checked["allowed"], checked["error_code"]) == (False, "insufficient_quota")
        assert checked["retry_after_seconds"] is None


class TestRollingWindow:
    @pytest.fixture
    def windowed(self, user: Party) -> Party:
        """Ten an hour, in slices of two and a half minutes."""
        user.budget("user:u", 10, period=rolling("1h"))
        return user

    def test_what_was_spent_ages_out_piece_by_piece(self, windowed: Party) -> None:
        windowed.spend(4)
        windowed.wait(HOUR / 2)
        windowed.spend(6)
        assert windowed.try_reserve(1).status == 429

        windowed.wait(HOUR / 2 + 150 + CLOCKS_DIFFER_SECONDS)

        assert (windowed.balance["spent"], windowed.balance["available"]) == ("6", "4")
        assert windowed.try_reserve(5).status == 429
        assert windowed.try_reserve(4).status == 201

    def test_the_turn_of_an_hour_gives_nothing_back(self, windowed: Party) -> None:
        windowed.wait(HOUR - 60)
        windowed.spend(10)
        windowed.wait(120)

        assert windowed.try_reserve(1).status == 429

    def test_nothing_ages_out_before_a_whole_window_has_passed(self, windowed: Party) -> None:
        windowed.spend(10)
        windowed.wait(HOUR)

        assert windowed.try_reserve(1).status == 429

    def test_whoever_waits_as_long_as_told_is_served(self, windowed: Party) -> None:
        windowed.wait(77)
        windowed.spend(3)
        windowed.wait(1000)
        windowed.spend(7)
        retry_after = int(windowed.try_reserve(3).headers["Retry-After"])

        windowed.wait(retry_after - 1)
        assert windowed.try_reserve(3).status == 429
        windowed.wait(1)
        assert windowed.try_reserve(3).status == 201

    def test_a_hold_takes_room_in_the_window_until_it_expires(self, windowed: Party) -> None:
        windowed.reserve(10, ttl_seconds=60)
        refused = windowed.try_reserve(1)
        assert refused.headers["Retry-After"] == "5"

        windowed.wait(60 + bucket_width_seconds(60) + CLOCKS_DIFFER_SECONDS)

        assert windowed.try_reserve(10).status == 201

    def test_what_is_settled_counts_from_its_settlement(self, windowed: Party) -> None:
        reservation = windowed.reserve(10, ttl_seconds=HOUR)
        windowed.wait(HOUR / 2)
        windowed.settle(reservation, 10)
        windowed.wait(HOUR / 2 + 150 + CLOCKS_DIFFER_SECONDS)
        assert windowed.try_reserve(1).status == 429

        windowed.wait(HOUR / 2)

        assert windowed.try_reserve(10).status == 201


class TestFanOut:
    @pytest.mark.parametrize("period", [{"type": "none"}, calendar("day"), rolling("1h")])
    def test_a_runaway_of_20_requests_at_once_never_spends_past_the_cap(
        self, user: Party, period: dict[str, str]
    ) -> None:
        user.budget("user:u", 1, period=period)

        failed: list[HttpAnswer] = []

        def reserve() -> HttpAnswer:
            answer = user.try_reserve("0.15")
            failed.extend([answer] if answer.status == 503 else [])
            return answer

        def call(_number: int) -> HttpAnswer:
            return insist(reserve)

        with ThreadPoolExecutor(20) as callers:
            answers = list(callers.map(call, range(20)))

        granted = [answer.body for answer in answers if answer.status == 201]
        assert sorted({answer.status for answer in answers}) == [201, 429]
        # A try without an answer may leave a hold, until that expires.
        assert len(granted) == 6 or (failed and len(granted) < 6)
        assert Decimal(user.balance["held"]) == Decimal("0.9")
        for reservation in granted:
            user.settle(reservation, "0.15")
        assert Decimal(user.balance["spent"]) == Decimal("0.15") * len(granted)
        assert user.balance["overrun"] == "0"

    def test_a_runaway_that_reserves_and_settles_stops_at_the_cap(self, user: Party) -> None:
        user.budget("user:u", 1)

        def call(_number: int) -> int:
            answer = insist(lambda: user.try_reserve("0.15"))
            if answer.status == 201:
                user.settle(answer.body, "0.12")
            return answer.status

        with ThreadPoolExecutor(20) as callers:
            statuses = list(callers.map(call, range(20)))

        spent = Decimal(user.balance["spent"])
        assert spent == Decimal("0.12") * statuses.count(201) <= 1
        assert set(statuses) == {201, 429}


class TestReservations:
    @pytest.fixture
    def funded(self, user: Party) -> Party:
        user.budget("user:u", 10)
        return user

    def test_a_settlement_gives_back_what_was_not_spent(self, funded: Party) -> None:
        reservation = funded.reserve(6)
        assert (funded.balance["held"], funded.balance["available"]) == ("6", "4")

        settled = funded.settle(reservation, 2)

        assert (settled["state"], settled["actual"]) == ("settled", {"usd": "2"})
        balance = funded.balance
        assert (balance["spent"], balance["held"], balance["available"]) == ("2", "0", "8")

    def test_a_release_gives_everything_back(self, funded: Party) -> None:
        released = funded.release(funded.reserve(6))

        assert released["state"] == "released"
        assert (funded.balance["spent"], funded.balance["available"]) == ("0", "10")

    def test_a_hold_that_nobody_settles_expires_by_itself(self, funded: Party) -> None:
        reservation = funded.reserve(10, ttl_seconds=30)
        assert funded.try_reserve(1).status == 429

        funded.wait(30 + bucket_width_seconds(30) + CLOCKS_DIFFER_SECONDS)

        assert funded.find(reservation)["state"] == "expired"
        assert funded.balance["held"] == "0"
        assert funded.try_reserve(10).status == 201

    def test_a_settlement_after_the_expiry_still_counts_and_says_it_was_late(
        self, funded: Party
    ) -> None:
        reservation = funded.reserve(6, ttl_seconds=30)
        funded.wait(40)

        settled = funded.settle(reservation, 6)

        assert (settled["state"], settled["late"]) == ("settled", True)
        assert (funded.balance["spent"], funded.balance["available"]) == ("6", "4")

    def test_a_late_settlement_of_what_others_have_spent_meanwhile_is_an_overrun(
        self, funded: Party
    ) -> None:
        reservation = funded.reserve(10, ttl_seconds=30)
        funded.wait(40)
        funded.spend(10)

        funded.settle(reservation, 10)

        assert (funded.balance["spent"], funded.balance["overrun"]) == ("20", "10")
        assert funded.try_reserve("0.01").status == 429

    def test_a_settlement_above_the_estimate_counts_in_full(self, funded: Party) -> None:
        settled = funded.settle(funded.reserve(5), 12)

        assert settled["overrun"] is True
        assert (funded.balance["available"], funded.balance["overrun"]) == ("-2", "2")

    def test_settling_the_same_again_is_the_first_answer(self, funded: Party) -> None:
        reservation = funded.reserve(5)
        first = funded.settle(reservation, 3)

        assert funded.settle(reservation, 3) == first
        path = f"/v1/reservations/{reservation['reservation_id']}"
        other = funded.ask("POST", f"{path}/settle", {"actual": {"usd": "4"}})
        released = funded.ask("POST", f"{path}/release")
        assert {other.code, released.code} == {"reservation_finalized"}
        assert funded.balance["spent"] == "3"

    def test_an_extension_keeps_the_hold_alive(self, funded: Party) -> None:
        reservation = funded.reserve(10, ttl_seconds=30)
        path = f"/v1/reservations/{reservation['reservation_id']}/extend"
        funded.done("POST", path, {"ttl_seconds": 600})

        funded.wait(500)

        assert funded.find(reservation)["state"] == "held"
        assert funded.try_reserve(1).status == 429
