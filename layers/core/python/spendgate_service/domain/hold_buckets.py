"""Hold buckets: holds that expire at about the same time share one bucket of a counter.

The name of a bucket is the time (seconds since the epoch) at which its holds expire: never before
the expiry of a hold in it, and at most one bucket width after it.
"""

from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX

TTL_SECONDS_DEFAULT = 300
TTL_SECONDS_MAX = 86_400

BUCKETS_PER_TTL_MAX = 24
"""The maximum number of buckets of one time to live; keeps a counter's item below 1 KB."""

DEAD_BUCKETS_MAX = 8
"""How many expired buckets a counter may have before the next reservation removes them."""

_WIDTHS_SECONDS = (1, 2, 3, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)


def bucket_width_seconds(ttl_seconds: int) -> int:
    """Return the finest width that spreads a time to live over `BUCKETS_PER_TTL_MAX` buckets."""
    assert 1 <= ttl_seconds <= TTL_SECONDS_MAX
    return next(width for width in _WIDTHS_SECONDS if ttl_seconds <= width * BUCKETS_PER_TTL_MAX)


def bucket_of(*, expires_at_ms: int, ttl_seconds: int) -> int:
    """Return the bucket of a hold: its expiry, rounded up to a multiple of the width."""
    width_ms = bucket_width_seconds(ttl_seconds) * 1000
    return -(-expires_at_ms // width_ms) * width_ms // 1000


def is_expired(bucket: int, *, now_ms: int) -> bool:
    """Return whether the holds of a bucket have expired."""
    return bucket * 1000 <= now_ms


def is_reclaimable(bucket: int, *, now_ms: int) -> bool:
    """Return whether the holds of a bucket have expired on every clock."""
    return is_expired(bucket, now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)
