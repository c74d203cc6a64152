"""Hold buckets: holds that expire at about the same time share one bucket of a counter.

The name of a bucket is the time (seconds since the epoch) at which its holds expire: never before
the expiry of a hold in it, and at most one bucket width after it. Widths are powers of two, so the
buckets of a long time to live are, near their end, among those of a shorter one.
"""

from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX

TTL_SECONDS_DEFAULT = 300
TTL_SECONDS_MAX = 86_400

CHARGE_GRACE_SECONDS = 86_400
"""How long after its expiry a hold that is charged then stays held at most: until it is charged."""

BUCKETS_PER_TTL_MAX = 6
"""The maximum number of buckets of one time to live; keeps a counter's item below 1 KB.

So a hold lasts at most a third, or a second, longer than its time.
"""

DEAD_BUCKETS_MAX = 8
"""How many expired buckets a counter may have before the next reservation removes them."""


def bucket_width_seconds(ttl_seconds: int) -> int:
    """Return the least power of two that spreads a time to live over `BUCKETS_PER_TTL_MAX`."""
    assert 1 <= ttl_seconds <= TTL_SECONDS_MAX
    least = -(-ttl_seconds // BUCKETS_PER_TTL_MAX)
    return 1 << (least - 1).bit_length()


def bucket_of(*, expires_at_ms: int, ttl_seconds: int, charges: bool = False) -> int:
    """Return the bucket of a hold: its expiry, rounded up to a multiple of the width.

    One that `charges` on its expiry lies a day later, so that it is never free before.
    """
    width_ms = bucket_width_seconds(ttl_seconds) * 1000
    bucket = -(-expires_at_ms // width_ms) * width_ms // 1000
    return bucket + CHARGE_GRACE_SECONDS if charges else bucket


def is_expired(bucket: int, *, now_ms: int) -> bool:
    """Return whether the holds of a bucket have expired."""
    return bucket * 1000 <= now_ms


def is_reclaimable(bucket: int, *, now_ms: int) -> bool:
    """Return whether the holds of a bucket have expired on every clock."""
    return is_expired(bucket, now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)
