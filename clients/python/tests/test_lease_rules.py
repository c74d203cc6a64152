"""The rules of a lease holder, by a clock and an authority in memory."""

from __future__ import annotations

from typing import Any

import pytest

from spendgate._leases import pricing
from spendgate._leases.amounts import ONE, parsed, text_of, units_of
from spendgate._leases.holder import NotLeasable
from spendgate._leases.lines import LINES_MAX, NO_INFO, CallInfo, Lines
from spendgate._leases.steps import Report
from spendgate.errors import BudgetExceeded, ReservationFinalized, Unavailable
from spendgate.usage import COUNTS, Usage
from tests.support.lease_desk import USD, Desk, usd


def test_the_first_call_opens_the_lease_and_those_after_it_need_no_request() -> None:
    desk = Desk()
    for _ in range(40):
        desk.call()
        desk.wait(0.05)
    assert desk.authority.calls[0] == "reserve"
    assert len(desk.authority.calls) < 12
    desk.drain()
    assert desk.authority.spent() == 40 * ONE
    assert desk.authority.held() == 0


def test_nothing_is_admitted_beyond_the_budget() -> None:
    desk = Desk("10")
    for _ in range(10):
        desk.call()
    with pytest.raises(BudgetExceeded):
        desk.admit()
    desk.call("0")
    desk.drain()
    assert desk.authority.available() == 0


def test_a_refused_block_is_asked_for_again_as_small_as_the_call_needs() -> None:
    desk = Desk("100")
    for _ in range(20):
        desk.call("2")
    other = desk.authority.available() - ONE
    desk.authority.limits[USD] -= other
    left = desk.holder.left[USD] + ONE
    desk.call(text_of(left))
    with pytest.raises(BudgetExceeded):
        desk.admit("0.000000001")


def test_it_asks_ahead_at_a_quarter_left_so_that_no_call_waits() -> None:
    desk = Desk("100000")
    for _ in range(100):
        desk.call()
        desk.wait(0.1)
    waited = 0
    for _ in range(500):
        call = desk.holder.admit(usd("1"), desk.now)
        waited += call is None
        desk.settle(call or desk.admit())
        desk.wait(0.1)
    assert waited == 0


def test_an_idle_lease_gives_everything_back_and_closes() -> None:
    desk = Desk()
    for _ in range(30):
        desk.call("0.1")
    desk.wait(10)
    assert desk.authority.held() == 0
    assert desk.authority.spent() == 3 * ONE
    assert "release" not in desk.authority.calls
    desk.wait(20)
    assert desk.authority.calls[-1] == "release"
    assert desk.holder.wakes_at(desk.now) is None


def test_what_is_above_twice_its_size_goes_back_with_a_capture() -> None:
    desk = Desk("100000")
    for _ in range(200):
        desk.call("10")
        desk.wait(0.05)
    for _ in range(400):
        desk.call("0.01")
        desk.wait(0.2)
    assert desk.authority.held() <= parsed("1")  # it uses 0.05 a second
    assert "release" not in desk.authority.calls


def test_while_a_call_is_in_flight_the_lease_is_renewed() -> None:
    desk = Desk(ttl_seconds=60)
    call = desk.admit("5")
    desk.wait(300)
    assert desk.authority.held() == 5 * ONE
    assert desk.authority.calls.count("extend") >= 14
    desk.settle(call, "5")
    desk.wait(5)
    assert (desk.authority.spent(), desk.authority.held()) == (5 * ONE, 0)


def test_admission_ends_a_renewal_interval_before_the_lease() -> None:
    desk = Desk(ttl_seconds=60)
    for _ in range(20):
        desk.call("0.5")
    desk.authority.is_away = True
    assert desk.holder.left[USD] >= ONE
    desk.now += 39.9
    assert desk.holder.admit(usd("0.1"), desk.now) is not None
    desk.now += 0.2
    assert desk.holder.admit(usd("0.1"), desk.now) is None
    with pytest.raises(Unavailable):
        desk.admit("0.1")


def test_admission_ends_a_second_before_the_period_and_goes_on_in_the_next() -> None:
    desk = Desk()
    desk.authority.period_ends_at = desk.now + 30
    for _ in range(20):
        desk.call("0.5")
    desk.now += 27.9
    assert desk.holder.admit(usd("0.1"), desk.now) is not None
    desk.now += 1.2
    assert desk.holder.admit(usd("0.1"), desk.now) is None
    desk.authority.period_ends_at += 100
    first = set(desk.authority.holds)
    desk.call("0.1")
    assert set(desk.authority.holds) > first


def test_a_lease_that_cannot_grow_is_replaced_and_renewed_for_its_calls() -> None:
    desk = Desk()
    call = desk.admit("1")
    first = desk.authority.holds["res_0"]
    first.may_grow = False
    desk.call("10")
    assert len(desk.authority.holds) == 2
    desk.wait(120)
    assert first.held(USD) == ONE and desk.now < first.ends_at
    desk.settle(call)
    desk.drain()
    assert (desk.authority.spent(), desk.authority.held()) == (11 * ONE, 0)


def test_calls_of_5_minutes_outlive_an_authority_that_is_away_for_2() -> None:
    desk = Desk(ttl_seconds=60)
    call = desk.admit("5")
    desk.wait(90)
    desk.authority.is_away = True
    desk.wait(120)
    with pytest.raises(Unavailable):
        desk.admit("1")
    desk.authority.is_away = False
    desk.wait(90)
    desk.settle(call, "5")
    desk.wait(10)
    assert desk.authority.spent() == 5 * ONE
    assert any(hold.late for hold in desk.authority.holds.values())
    desk.call("1")
    desk.drain()
    assert (desk.authority.spent(), desk.authority.held()) == (6 * ONE, 0)


def test_a_call_blocks_its_estimate_for_max_call_seconds_and_may_settle_later() -> None:
    desk = Desk(ttl_seconds=60, max_call_seconds=100)
    call = desk.admit("5")
    desk.wait(99)
    assert desk.authority.held() == 5 * ONE
    desk.wait(70)
    assert desk.authority.held() == 0
    desk.settle(call, "5")
    desk.wait(1)
    assert desk.authority.spent() == 5 * ONE


def test_an_unknown_outcome_blocks_as_long_as_a_hold_lasts() -> None:
    desk = Desk(ttl_seconds=60)
    call = desk.admit("5")
    desk.holder.leave(call, desk.now)
    desk.wait(59)
    assert desk.authority.held() == 5 * ONE
    desk.wait(7)
    assert desk.authority.held() == 0
    assert not desk.holder.settle(call, usd("5"), NO_INFO)


def test_a_capture_of_unknown_outcome_is_repeated_as_it_was() -> None:
    desk = Desk()
    first, second = desk.admit("1"), desk.admit("2")
    desk.settle(first, "1")
    desk.now += 5
    step = desk.holder.next_step(desk.now)
    assert isinstance(step, Report)
    desk.authority.deliver(step.delivery)
    desk.holder.failed(step, Unavailable("no response"), desk.now)
    desk.settle(second, "2")
    desk.now += 1
    again = desk.holder.next_step(desk.now)
    assert again is step
    desk.take(again)
    desk.drain()
    assert desk.authority.spent() == 3 * ONE
    assert sum(parsed(line["amounts"][USD]) for line in desk.authority.lines) == 3 * ONE


@pytest.mark.parametrize("notices_by", ["capture", "extend"])
def test_what_is_spent_from_a_lease_that_an_admin_released_is_recorded(notices_by: str) -> None:
    """Its last captures do not count any more; each amount is recorded once."""
    desk = Desk()
    settled, running, late = desk.admit("1"), desk.admit("2"), desk.admit("4")
    desk.settle(settled, "1")
    desk.wait(6)
    assert desk.authority.calls[-1] == "capture"
    desk.authority.release("res_0")
    if notices_by == "capture":
        desk.settle(running, "2")
        desk.wait(6)
    else:
        desk.wait(30)
        desk.settle(running, "2")
    desk.wait(6)
    assert desk.authority.spent() == 3 * ONE
    desk.settle(late, "3")
    desk.call("0.5")
    desk.drain()

    assert desk.authority.spent() == 6 * ONE + ONE // 2
    assert len(desk.authority.recorded) == 2
    assert len(desk.authority.holds) == 2, "it reserves anew"


def test_a_capture_that_the_queue_still_had_when_an_admin_released_is_recorded_once() -> None:
    desk = Desk()
    desk.settle(desk.admit("1"), "1")
    running = desk.admit("2")
    desk.now += 6
    step = desk.holder.next_step(desk.now)
    assert isinstance(step, Report)
    desk.holder.succeeded(step, {}, desk.now)
    desk.authority.release("res_0")
    desk.wait(30)
    desk.settle(running, "2")
    desk.drain()

    with pytest.raises(ReservationFinalized):
        desk.authority.deliver(step.delivery)
    assert desk.authority.spent() == 3 * ONE


def test_waiting_calls_are_refused_together_with_one_request() -> None:
    desk = Desk("1")
    waiters = [desk.holder.wait(usd("2"), None) for _ in range(50)]
    desk.work()
    assert all(isinstance(waiter.admitted.exception(0), BudgetExceeded) for waiter in waiters)
    assert desk.authority.calls == ["reserve"]


def test_a_cancelled_call_takes_nothing() -> None:
    desk = Desk()
    waiter = desk.holder.wait(usd("2"), None)
    step = desk.holder.next_step(desk.now)
    assert step is not None
    waiter.admitted.cancel()
    desk.take(step)
    desk.wait(6)
    assert desk.authority.held() == 0


def test_closing_refuses_calls_that_wait_and_keeps_those_that_run() -> None:
    desk = Desk()
    running = desk.admit("3")
    desk.drain()
    assert desk.authority.held() == 3 * ONE
    assert desk.holder.is_drained
    desk.settle(running, "2")
    desk.wait(0)
    assert (desk.authority.spent(), desk.authority.held()) == (2 * ONE, 0)


@pytest.mark.parametrize(("entries", "lines"), [("gathered", 2), ("each", 30)])
def test_lines_are_gathered_by_subjects_and_model_or_one_per_call(entries: Any, lines: int) -> None:
    desk = Desk(entries=entries)
    for number in range(30):
        info = CallInfo({"session": f"s-{number % 2}"}, ref_id=f"call-{number}")
        assert desk.holder.settle(desk.admit("0.1"), usd("0.1"), info)
    desk.drain()
    assert len(desk.authority.lines) == lines
    assert sum(line["calls"] for line in desk.authority.lines) == 30
    assert ("ref_id" in desk.authority.lines[0]) == (entries == "each")


def test_a_capture_carries_at_most_100_lines_and_explains_what_it_adds() -> None:
    desk = Desk(entries="each")
    for number in range(2 * LINES_MAX + 50):
        desk.holder.settle(desk.admit("0.01"), usd("0.01"), CallInfo(ref_id=str(number)))
    desk.drain()
    assert len(desk.authority.lines) == 2 * LINES_MAX + 50
    assert desk.authority.spent() == parsed("2.5")


def test_metadata_of_a_call_is_bounded() -> None:
    with pytest.raises(ValueError, match="512"):
        CallInfo(metadata={"note": "x" * 600})


PRICE = {
    "currency": USD,
    "input_per_million": "2.5",
    "cached_input_per_million": "1.25",
    "output_per_million": "10",
    "output_audio_per_million": None,
    "tiers": [{"above_input_tokens": 200_000, "input_per_million": "5"}],
    "service_tiers": {"batch": "0.5"},
}


def usage(**counts: Any) -> Usage:
    return Usage(provider="openai", model="gpt-4o", **counts)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"input_tokens": 1000, "cached_input_tokens": 400, "output_tokens": 200}, "0.004"),
        ({"input_tokens": 1, "max_output_tokens": 10}, "0.0001025"),
        ({"input_tokens": 300_000}, "1.5"),
        ({"input_tokens": 1_000_000, "service_tier": "batch"}, "2.5"),
        ({"input_tokens": 1, "service_tier": "priority"}, None),
        ({"output_tokens": 10, "output_audio_tokens": 5}, None),
        ({"input_tokens": 10, "cache_write_tokens": 5}, None),
        ({"input_tokens": 10, "web_searches": 1}, None),
    ],
)
def test_usage_costs_what_the_service_would_count(counts: Any, expected: str | None) -> None:
    cost = pricing.cost(usage(**counts), PRICE)
    assert cost == (None if expected is None else parsed(expected))


def test_billed_calls_and_cached_audio_cost_what_the_service_would_count() -> None:
    price = {
        **PRICE,
        "input_audio_per_million": "10",
        "cached_audio_per_million": "2",
        "per_request": "0.01",
    }
    spoken = usage(
        input_tokens=1000,
        cached_input_tokens=300,
        input_audio_tokens=500,
        cached_audio_tokens=200,
        requests=3,
    )
    # 400 plain tokens, 100 from the cache, 300 of audio, 200 of audio from the cache
    assert pricing.cost(spoken, price) == parsed("0.004525") + parsed("0.03")


def test_a_line_carries_every_count_of_its_calls() -> None:
    names = [name for name in COUNTS if name != "requests"]
    one_call = usage(service_tier="batch", requests=2, **dict.fromkeys(names, 5))
    lines = Lines("gathered")
    for _ in range(2):
        lines.add({USD: ONE}, CallInfo(usage=one_call))
    lines.add({USD: ONE}, CallInfo(usage=usage(service_tier="batch")))
    _, (line,) = lines.take()
    assert line["calls"] == 5
    assert line["usage"] == {
        "provider": "openai",
        "model": "gpt-4o",
        "service_tier": "batch",
        "requests": 5,
        **dict.fromkeys(names, 10),
    }


def test_a_usage_is_admitted_by_the_price_that_the_service_sent() -> None:
    desk = Desk()
    desk.authority.prices["openai/gpt-4o"] = PRICE
    desk.call("1")
    waiter = desk.holder.wait(None, usage(input_tokens=100_000))
    desk.work()
    assert waiter.admitted.result(0).estimate == units_of({USD: "0.25", "tokens": 100_000})
    assert waiter.estimate == units_of({USD: "0.25", "tokens": 100_000})


def test_a_model_without_a_price_is_for_the_service_to_decide() -> None:
    desk = Desk()
    desk.call("1")
    waiter = desk.holder.wait(None, usage(input_tokens=1))
    desk.work()
    with pytest.raises(NotLeasable):
        waiter.admitted.result(0)
