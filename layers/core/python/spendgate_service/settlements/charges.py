"""Charge reservations that have expired, if they were reserved so: the scheduled function does.

Until then what they hold stays held: their buckets end a day after they do.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import batched

from spendgate_service.domain.requests import Charge
from spendgate_service.settlements.apply import Settlements
from spendgate_service.settlements.plan import Captured
from spendgate_service.store import due_index, keys
from spendgate_service.store.client import Table

_TOGETHER = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Charged:
    """What one run did: reservations that were charged, and those that could not be."""

    charged: int = 0
    failed: int = 0


def charge_expired(
    table: Table, settlements: Settlements, *, now_ms: int, has_time: Callable[[], bool]
) -> Charged:
    """Charge what has expired, until `has_time` says no. What fails is tried by the next run."""
    charged = failed = 0
    for commands in _due_charges(table, now_ms=now_ms):
        if not has_time():
            break
        for command, outcome in zip(commands, settlements.apply(commands), strict=True):
            if isinstance(outcome, Captured):
                charged += not outcome.replayed
                continue
            failed += 1
            _log.error(
                "a reservation cannot be charged: %s", outcome,
                extra={"reservation_id": command.reservation_id},
            )  # fmt: skip
    return Charged(charged, failed)


def _due_charges(table: Table, *, now_ms: int) -> Iterator[list[Charge]]:
    """Yield the charges that are due, as many at a time as are applied together."""
    for number in range(keys.CHARGE_SHARDS):
        for page in due_index.due_keys(table, keys.charge_shard(number), now_ms=now_ms):
            for together in batched(map(keys.read_key, page), _TOGETHER, strict=False):
                yield [
                    Charge(keys.tenant_of(partition), keys.reservation_in(partition))
                    for partition, _ in together
                ]
