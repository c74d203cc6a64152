"""Hold times: buckets that are never too early, hardly too late, and few."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spendgate_service.domain.hold_buckets import (
    BUCKETS_PER_TTL_MAX,
    TTL_SECONDS_MAX,
    bucket_of,
    bucket_width_seconds,
    is_expired,
)

TTLS = st.integers(1, TTL_SECONDS_MAX)
BUCKETS_OF_FIVE_TTLS_MAX = 34
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
    ("ttl_seconds", "width_seconds"),
    [(10, 2), (60, 16), (300, 64), (600, 128), (3600, 1024), (86_400, 16_384)],
)
def test_a_usual_hold_is_kept_at_most_a_fifth_to_a_third_longer(
    ttl_seconds: int, width_seconds: int
) -> None:
    assert bucket_width_seconds(ttl_seconds) == width_seconds


@given(ttl_seconds=TTLS)
def test_a_hold_lasts_at_most_a_third_longer(ttl_seconds: int) -> None:
    assert bucket_width_seconds(ttl_seconds) <= max(1, ttl_seconds / 3)


@given(one=TTLS, other=TTLS)
def test_each_width_divides_the_wider_ones_so_that_hold_times_share_buckets(
    one: int, other: int
) -> None:
    narrow, wide = sorted([bucket_width_seconds(one), bucket_width_seconds(other)])
    assert wide % narrow == 0


@example(
    now_ms=1_772_971_200_500, ttls=[BUCKETS_PER_TTL_MAX << steps for steps in (0, 2, 5, 9, 13)]
)
@given(
    now_ms=MOMENTS,
    ttls=st.lists(
        st.one_of(TTLS, st.sampled_from([BUCKETS_PER_TTL_MAX << steps for steps in range(14)])),
        min_size=5,
        max_size=5,
    ),
)
def test_any_five_hold_times_have_a_bounded_number_of_buckets(now_ms: int, ttls: list[int]) -> None:
    """As many as `test_write_units` finds room for on a counter of 1 KB."""
    live = {
        bucket
        for ttl_seconds in ttls
        for age_ms in range(0, ttl_seconds * 1000, bucket_width_seconds(ttl_seconds) * 500)
        if not is_expired(
            bucket := bucket_of(
                expires_at_ms=now_ms - age_ms + ttl_seconds * 1000, ttl_seconds=ttl_seconds
            ),
            now_ms=now_ms,
        )
    }
    assert len(live) <= BUCKETS_OF_FIVE_TTLS_MAX


def test_a_bucket_has_expired_from_its_very_moment_on() -> None:
    assert not is_expired(10, now_ms=9_999)
    assert is_expired(10, now_ms=10_000)
