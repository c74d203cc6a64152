"""Generates the demo's trace: `python -m local.demo.generator` writes it.

The sizes are lognormal, like those of real prompts and completions, and the requests arrive in
bursts. The trace contains no real data.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from local.demo.trace import COLUMNS, SHIPPED_TRACE

SEED = 20_260_105
REQUESTS = 300

_STARTS_AT = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001  (such traces have no time zone)
_BURST_EVERY_SECONDS = 6.0
_REQUESTS_PER_BURST = 5.0
_GAP_IN_BURST_SECONDS = 0.08
_CONTEXT_TOKENS = (7.2, 1.1, 8_000)  # mean and deviation of the logarithm, and the maximum
_GENERATED_TOKENS = (3.6, 0.9, 1_000)


def trace_text() -> str:
    """Return the text of the trace; it is the same on every machine."""
    chance = random.Random(SEED)  # noqa: S311  (the same numbers each time are the point)
    lines = [",".join(COLUMNS)]
    for at_seconds in islice(_arrivals(chance), REQUESTS):
        at = _STARTS_AT + timedelta(milliseconds=round(at_seconds * 1000))
        context, generated = _size(chance, *_CONTEXT_TOKENS), _size(chance, *_GENERATED_TOKENS)
        lines.append(f"{at.isoformat(sep=' ', timespec='milliseconds')},{context},{generated}")
    return "\n".join(lines) + "\n"


def _arrivals(chance: random.Random) -> Iterator[float]:
    at = 0.0
    while True:
        yield at
        burst_goes_on = chance.random() < 1 - 1 / _REQUESTS_PER_BURST
        gap = _GAP_IN_BURST_SECONDS if burst_goes_on else _BURST_EVERY_SECONDS
        at += chance.expovariate(1 / gap)


def _size(chance: random.Random, mean: float, deviation: float, tokens_max: int) -> int:
    return max(1, min(tokens_max, round(chance.lognormvariate(mean, deviation))))


if __name__ == "__main__":
    SHIPPED_TRACE.write_text(trace_text())
