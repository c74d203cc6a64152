"""Hold times: holds that expire at about the same moment share one bucket of a counter.

A bucket is named by the moment (seconds since the epoch) at which its holds expire. It is never
before the expiry of a hold in it, and at most one bucket width after it.
"""

from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX

TTL_SECONDS_DEFAULT = 300
TTL_SECONDS_MAX = 86_400

BUCKETS_PER_TTL_MAX = 24
"""How many buckets one hold time may spread over, which keeps a counter's item under 1 KB."""

DEAD_BUCKETS_MAX = 8
"""How many expired buckets a counter may carry before the next reservation sweeps them."""

_WIDTHS_SECONDS = (1, 2, 3, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)


def bucket_width_seconds(ttl_seconds: int) -> int:
    """The finest width that spreads a hold time over at most `BUCKETS_PER_TTL_MAX` buckets."""
    assert 1 <= ttl_seconds <= TTL_SECONDS_MAX
    return next(width for width in _WIDTHS_SECONDS if ttl_seconds <= width * BUCKETS_PER_TTL_MAX)


def bucket_of(*, expires_at_ms: int, ttl_seconds: int) -> int:
    """The bucket of a hold: its expiry, rounded up to a multiple of the width for its ttl."""
    width_ms = bucket_width_seconds(ttl_seconds) * 1000
    return -(-expires_at_ms // width_ms) * width_ms // 1000


def is_expired(bucket: int, *, now_ms: int) -> bool:
    """Whether the holds of a bucket have expired."""
    return bucket * 1000 <= now_ms


def is_reclaimable(bucket: int, *, now_ms: int) -> bool:
    """Whether the holds of a bucket have expired on every clock, so that others may have them."""
    return is_expired(bucket, now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)
