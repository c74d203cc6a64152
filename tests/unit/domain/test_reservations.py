"""Reservations and what may become of them."""

from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import AMOUNT_MAX, ONE
from spendgate_service.domain.errors import InvalidValue, ReservationFinalized
from spendgate_service.domain.rates import Conversion
from spendgate_service.domain.requests import Release, Settle
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.domain.settlements import extension_refused, finalize
from spendgate_service.domain.subjects import Subject

HELD = Reservation(
    reservation_id="rsv_1",
    subjects=(Subject("agent", "a"),),
    amounts={"usd": 5, "tokens": 100},
    lines=(),
    bucket=20,
    created_at_ms=0,
    expires_at_ms=10_000,
    fingerprint="f",
)
RELEASE = Release("acme", "rsv_1")


def settle(**actual: int) -> Settle:
    return Settle("acme", "rsv_1", actual)


def settled(now_ms: int = 1, **actual: int) -> Reservation:
    return finalize(HELD, settle(**actual), now_ms=now_ms)[0]


def test_a_hold_has_expired_from_its_expiry_on() -> None:
    assert HELD.state_at(now_ms=9_999) == "held"
    assert HELD.state_at(now_ms=10_000) == "expired"


def test_what_is_settled_or_released_never_expires() -> None:
    assert settled().state_at(now_ms=99_999) == "settled"
    assert finalize(HELD, RELEASE, now_ms=1)[0].state_at(now_ms=99_999) == "released"


def test_a_unit_that_is_not_named_settles_at_its_estimate() -> None:
    assert settled(usd=3).actual == {"usd": 3, "tokens": 100}


def test_a_unit_beyond_the_reservation_is_settled_as_it_is() -> None:
    assert settled(usd=3, eur=7).actual == {"usd": 3, "tokens": 100, "eur": 7}


@pytest.mark.parametrize(("now_ms", "late"), [(9_999, False), (10_000, True)])
def test_a_settlement_is_late_from_the_expiry_on(now_ms: int, late: bool) -> None:
    assert settled(now_ms=now_ms).late == late


def test_a_release_is_never_late() -> None:
    assert not finalize(HELD, RELEASE, now_ms=99_999)[0].late


@pytest.mark.parametrize(
    ("actual", "overrun"),
    [
        ({"usd": 5}, False),
        ({"usd": 6}, True),
        ({"usd": 1, "tokens": 101}, True),
        ({"eur": 1}, False),
    ],
)
def test_a_settlement_above_the_estimate_in_any_unit_that_was_estimated_is_an_overrun(
    actual: dict[str, int], overrun: bool
) -> None:
    assert settled(**actual).overrun == overrun


def test_the_same_request_again_changes_nothing_though_its_usage_has_another_price_by_now() -> None:
    first = Settle("acme", "rsv_1", {"usd": 5}, fingerprint="body")
    again = Settle("acme", "rsv_1", {"usd": 6}, fingerprint="body")
    done, _ = finalize(HELD, first, now_ms=1)

    assert finalize(done, again, now_ms=2) == (done, False)


def test_the_same_settlement_again_changes_nothing() -> None:
    once = settled(usd=3)

    assert finalize(once, settle(usd=3), now_ms=50) == (once, False)
    assert finalize(once, settle(usd=3, tokens=100), now_ms=50) == (once, False)


def test_another_settlement_is_refused() -> None:
    with pytest.raises(ReservationFinalized, match="another actual amount"):
        finalize(settled(usd=3), settle(usd=4), now_ms=50)


def test_the_same_release_again_changes_nothing() -> None:
    once, _ = finalize(HELD, RELEASE, now_ms=1)

    assert finalize(once, RELEASE, now_ms=50) == (once, False)


def test_settling_and_releasing_exclude_each_other() -> None:
    with pytest.raises(ReservationFinalized, match="settled and cannot be released"):
        finalize(settled(), RELEASE, now_ms=50)
    with pytest.raises(ReservationFinalized, match="released and cannot be settled"):
        finalize(finalize(HELD, RELEASE, now_ms=1)[0], settle(), now_ms=50)


def test_only_a_hold_that_is_still_there_can_be_extended() -> None:
    assert extension_refused(HELD, now_ms=9_999) is None
    for reservation, now_ms, why in (
        (HELD, 10_000, "has expired"),
        (settled(), 1, "was settled"),
        (replace(HELD, state="released"), 1, "was released"),
    ):
        assert why in str(extension_refused(reservation, now_ms=now_ms))


def test_a_cost_that_no_budget_in_another_unit_can_count_is_refused_by_name() -> None:
    line = Line("b", Subject("agent", "a"), "tokens", "balance", 0, (Conversion("usd", 2 * ONE),))

    assert line.cost({"usd": AMOUNT_MAX // 2}) == AMOUNT_MAX - 1
    with pytest.raises(InvalidValue, match="more than can be counted in tokens") as refused:
        line.cost({"usd": AMOUNT_MAX})
    assert refused.value.param == "body.actual"
