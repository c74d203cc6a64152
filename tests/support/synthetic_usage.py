"""Synthetic usage over many days and tenants, written into the log in bulk."""

import random
from collections.abc import Iterable, Iterator
from itertools import batched

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import MeteredUsage, UsageRecord
from spendgate_service.store.client import Table
from spendgate_service.store.usage import UsageBatch

TENANTS = tuple(f"tenant-{number}" for number in range(5))
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash")
DAY_MS = 86_400_000

type Spend = tuple[str, UsageRecord]


def synthetic_usage(count: int, *, days: int, until_ms: int, seed: int) -> list[Spend]:
    """That many spends, each of one tenant, in the order of time."""
    numbers = random.Random(seed)
    since_ms = until_ms - days * DAY_MS
    moments = sorted(numbers.randrange(since_ms, until_ms) for _ in range(count))
    return [_spend(numbers, moment_ms) for moment_ms in moments]


def _spend(numbers: random.Random, moment_ms: int) -> Spend:
    tenant_id, model = numbers.choice(TENANTS), numbers.choice(MODELS)
    usage = Usage("openai", model, numbers.randrange(10_000), numbers.randrange(2_000))
    amount: Amount = numbers.randrange(10**10)
    subjects = (
        Subject("organization", tenant_id),
        Subject("agent", f"agent-{numbers.randrange(8)}"),
        Subject("user", f"user-{numbers.randrange(20)}"),
        Subject("session", f"s-{numbers.randrange(10**9)}"),
    )
    metered = MeteredUsage("openai", model, usage, "builtin")
    return tenant_id, UsageRecord(subjects, {"usd": amount}, moment_ms, metered=metered)


def write_usage(table: Table, spends: Iterable[Spend]) -> None:
    """Write spends as transactions of twenty of the same tenant and day would."""
    for together in _by_day(spends):
        for batch in batched(together, 20, strict=False):
            log = UsageBatch(table.name, now_ms=batch[-1][1].occurred_at_ms)
            for tenant_id, record in batch:
                log.add(tenant_id, record)
            for put in log.puts():
                table.put(put["Put"]["Item"])


def _by_day(spends: Iterable[Spend]) -> Iterator[list[Spend]]:
    groups: dict[tuple[str, int], list[Spend]] = {}
    for tenant_id, record in spends:
        groups.setdefault((tenant_id, record.occurred_at_ms // DAY_MS), []).append(
            (tenant_id, record)
        )
    yield from groups.values()
