"""The metrics that the service counts; `observability` publishes them."""

from collections.abc import Callable
from typing import Literal

type MetricName = Literal[
    "granted",  # a new reservation
    "replayed",  # a request that had taken effect before
    "settled",
    "captured",  # totals of a lease that grew
    "released",
    "recorded",
    "late",  # settled after the hold had expired; counted as settled, too
    "overrun",  # settled above the estimate; counted as settled, too
    "compensations",  # holds returned, because another budget refused or the request was a replay
    "reclaimed",  # expired buckets of holds whose amounts are available again
    "conflicts",  # writes that lost against others on the same item, and were or will be repeated
    "throttled",  # calls that DynamoDB refused to take
    "client_fallback",  # environments that use boto3's client where the lean one cannot do
    "event_published",  # events put into the outbox
    "event_failed",  # threshold checks that failed; the next grant or settlement repeats them
]
type Observe = Callable[[MetricName, int], None]


def unobserved(_metric: MetricName, _times: int) -> None:
    """Count nothing."""
