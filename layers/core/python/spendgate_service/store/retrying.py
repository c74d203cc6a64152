"""Optimistic retries: read, decide, write on a condition; start again if others came first.

Such a loop is a `for attempt in attempts(...)` with one of the counts below. A batch of settlements
counts its rounds itself: what is exhausted there is one command's outcome, not an exception.
`store.client` repeats single calls by itself; its counts are there.
"""

from collections.abc import Callable, Iterator
from typing import Final

POLICY_READS_MAX: Final = 3
"""A request is decided again because its policies changed: the first time by cached policies."""

HOLD_TRIES_MAX: Final = 6
"""A hold is tried again after the counter caught up with its policy, or reclaimed what expired."""

RESERVATION_TRIES_MAX: Final = 3
"""A reservation is put again after a lost response, or read again because others changed it."""

CHANGE_TRIES_MAX: Final = 5
"""An administrator's change is prepared again from what a concurrent change left."""

CLOSE_TRIES_MAX: Final = 4
"""A period is read again because a settlement or a credit changed its counter."""

ROLLUP_READS_MAX: Final = 5
"""Roll-ups that do not belong together are read again: they were being written."""

BATCH_TRIES_MAX: Final = 6
"""A batch is written again without the commands whose conditions failed."""

BATCH_ROUNDS_MAX: Final = 12
"""Commands of one batch on the same item take turns; at least one is decided in each round."""


class LoopEnded(AssertionError):
    """Never raised: it ends a function after its loop over `attempts`, for the type checker."""


def attempts(count: int, *, exhausted: Callable[[], Exception]) -> Iterator[int]:
    """Yield the numbers of the attempts from 0; after the last one raise what `exhausted` makes.

    So a loop over it ends by `return` or by an exception.
    """
    yield from range(count)
    raise exhausted()
