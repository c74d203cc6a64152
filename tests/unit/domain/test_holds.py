"""Hold times: buckets that are never too early, hardly too late, and few."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.domain.hold_buckets import (
    BUCKETS_PER_TTL_MAX,
    TTL_SECONDS_MAX,
    WIDTHS_SECONDS,
    bucket_of,
    bucket_width_seconds,
    is_expired,
)

TTLS = st.integers(1, TTL_SECONDS_MAX)
MOMENTS = st.integers(1_600_000_000_000, 4_000_000_000_000)


@given(expires_at_ms=MOMENTS, ttl_seconds=TTLS)
def test_a_bucket_expires_with_its_hold_or_at_most_one_width_later(
    expires_at_ms: int, ttl_seconds: int
) -> None:
    bucket_ms = bucket_of(expires_at_ms=expires_at_ms, ttl_seconds=ttl_seconds) * 1000

    assert 0 <= bucket_ms - expires_at_ms < bucket_width_seconds(ttl_seconds) * 1000


@given(ttl_seconds=TTLS)
def test_a_hold_time_spreads_over_a_bounded_number_of_buckets(ttl_seconds: int) -> None:
    assert -(-ttl_seconds // bucket_width_seconds(ttl_seconds)) <= BUCKETS_PER_TTL_MAX


@given(one=MOMENTS, other=MOMENTS, ttl_seconds=TTLS)
def test_a_later_hold_is_in_no_earlier_bucket(one: int, other: int, ttl_seconds: int) -> None:
    earlier, later = sorted([one, other])

    assert bucket_of(expires_at_ms=earlier, ttl_seconds=ttl_seconds) <= bucket_of(
        expires_at_ms=later, ttl_seconds=ttl_seconds
    )


def test_a_hold_of_one_second_expires_within_two() -> None:
    assert bucket_width_seconds(1) == 1
    assert bucket_of(expires_at_ms=1_001, ttl_seconds=1) == 2
    assert bucket_of(expires_at_ms=2_000, ttl_seconds=1) == 2


@pytest.mark.parametrize(
    ("ttl_seconds", "width_seconds"), [(10, 1), (300, 60), (600, 60), (3600, 900), (86_400, 14_400)]
)
def test_a_usual_hold_is_kept_to_a_tenth_or_a_quarter_of_its_time(
    ttl_seconds: int, width_seconds: int
) -> None:
    assert bucket_width_seconds(ttl_seconds) == width_seconds


@given(ttl_seconds=TTLS)
def test_a_hold_lasts_at_most_half_as_long_again(ttl_seconds: int) -> None:
    assert bucket_width_seconds(ttl_seconds) <= max(1, ttl_seconds / 2)


def test_each_width_divides_the_next_so_that_hold_times_share_buckets() -> None:
    for narrow, wide in pairwise(WIDTHS_SECONDS):
        assert wide % narrow == 0


def test_a_bucket_has_expired_from_its_very_moment_on() -> None:
    assert not is_expired(10, now_ms=9_999)
    assert is_expired(10, now_ms=10_000)
