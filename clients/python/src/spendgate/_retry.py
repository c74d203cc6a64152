"""When this package repeats a request of its own, and after how long."""

from __future__ import annotations

import random
from collections.abc import Mapping

_FIRST_DELAY_SECONDS = 0.25
_DELAY_SECONDS_MAX = 8.0


def is_retryable(status: int, body: object, headers: Mapping[str, str]) -> bool:
    """Whether a response may change when the request is repeated: 5xx, 408, the gateway's 429.

    A 429 with an `error` object is a budget's refusal, which is final.
    """
    if headers.get("x-should-retry") == "false":
        return False
    if status == 429:
        return not (isinstance(body, Mapping) and isinstance(body.get("error"), Mapping))
    return status >= 500 or status == 408


def delay_seconds(attempt: int, headers: Mapping[str, str] | None = None) -> float:
    """Full jitter below a doubling bound; at least what `Retry-After` says, 8 s at most.

    `attempt` is 0 before the first retry.
    """
    bound = min(_DELAY_SECONDS_MAX, _FIRST_DELAY_SECONDS * 2**attempt)
    jitter = random.uniform(0, bound)  # noqa: S311 (no secret)
    after = (headers or {}).get("retry-after", "")
    least = min(float(after), _DELAY_SECONDS_MAX) if after.isdigit() else 0.0
    return least + jitter
