"""The keys of the table: every kind of item is addressed, and its key taken apart, here.

A part that comes from outside is escaped, and each kind of item has its own tag and number of
parts. So two different items never share a key, and no id can address another tenant's item.
"""

import zlib
from collections.abc import Mapping
from typing import Any

from spendgate_service.domain.periods import Period
from spendgate_service.domain.subjects import Subject, parse_subject

type Key = tuple[str, str]
"""Partition key and sort key."""

PERIOD_PREFIX = "PERIOD#"
LEDGER_PREFIX = "LEDGER#"
STATEMENT_PREFIX = "STATEMENT#"
WINDOW_PREFIX = "WINDOW#"
EVENT_PREFIX = "EVENT#"
RESERVATION_SORT_KEY = "RESERVATION"
TENANTS_PARTITION = "TENANTS"
OPERATOR_TENANT = "-"
"""Stands in a key for the operator, who belongs to no tenant; no tenant id begins with it."""

DUE_SHARDS = 8
"""Over how many partitions the index of due counters is spread."""


def read_key(item: Mapping[str, Mapping[str, Any]]) -> Key:
    """Return the primary key of an item, or of a key in DynamoDB's notation."""
    return item["pk"]["S"], item["sk"]["S"]


def _joined(*parts: str) -> str:
    return "#".join(part.replace("%", "%25").replace("#", "%23") for part in parts)


def parts_of(partition: str) -> tuple[str, ...]:
    """The parts that a partition key was joined of, as they were."""
    return tuple(part.replace("%23", "#").replace("%25", "%") for part in partition.split("#"))


def policy_key(tenant_id: str, subject: Subject) -> Key:
    """The policy of a subject."""
    return _joined("TENANT", tenant_id, "SUBJECT", str(subject)), "POLICY"


def counter_partition(tenant_id: str, budget_id: str, subject: Subject) -> str:
    """Where the counters, ledger entries and statements of a budget and subject live."""
    return _joined("TENANT", tenant_id, "COUNTER", budget_id, str(subject))


def read_counter_partition(partition: str) -> tuple[str, str, Subject]:
    """The tenant, the budget and the subject whose partition `counter_partition` named."""
    _, tenant_id, _, budget_id, subject = parts_of(partition)
    return tenant_id, budget_id, parse_subject(subject)


def tenant_of(partition: str) -> str:
    """Whose a partition is that begins with a tenant, as all that events are about do."""
    return parts_of(partition)[1]


def counter_key(tenant_id: str, budget_id: str, subject: Subject, period_key: str) -> Key:
    """The counter of a budget for one subject and period."""
    return counter_partition(tenant_id, budget_id, subject), PERIOD_PREFIX + period_key


def period_key_of(counter: str) -> str:
    """Return the period of a counter, by the counter's sort key."""
    return counter.removeprefix(PERIOD_PREFIX)


def window_key(tenant_id: str, budget_id: str, subject: Subject, seconds: int) -> Key:
    """When the last window of a duration started."""
    return counter_partition(tenant_id, budget_id, subject), f"{WINDOW_PREFIX}{seconds}"


def ledger_sort_key(created_at_ms: int, batch_id: str) -> str:
    """Sorts the ledger by time; the batch that wrote the entries makes it unique."""
    return f"{ledger_moment(created_at_ms)}#{batch_id}"


def ledger_moment(created_at_ms: int) -> str:
    """Sorts before every entry of that moment and after every earlier one."""
    return f"{LEDGER_PREFIX}{created_at_ms:015d}"


def statement_sort_key(period: Period, revision: int) -> str:
    """Sorts statements by the end of their period, whatever its kind, and then by revision."""
    assert period.ends_at is not None
    return f"{STATEMENT_PREFIX}{period.ends_at:012d}#{period.key}#{revision:06d}"


def period_and_revision_of(statement: str) -> tuple[str, int]:
    """Of which period a statement is, and which of its statements it is; by its sort key."""
    _, _, period_key, revision = statement.split("#")
    return period_key, int(revision)


def event_key(tenant_id: str, budget_id: str, subject: Subject, when: str, what: str) -> Key:
    """An event in the outbox: what happened to a budget, and when it happens once."""
    return counter_partition(tenant_id, budget_id, subject), EVENT_PREFIX + _joined(when, what)


def reservation_key(tenant_id: str, reservation_id: str) -> Key:
    """A reservation."""
    return _joined("TENANT", tenant_id, "RESERVATION", reservation_id), RESERVATION_SORT_KEY


def reservation_in(partition: str) -> str:
    """Which reservation lives in a partition that `reservation_key` named."""
    return parts_of(partition)[-1]


def once_key(tenant_id: str, operation: str, idempotency_key: str) -> Key:
    """The mark that an operation took effect for an idempotency key."""
    return _joined("TENANT", tenant_id, "ONCE", operation, idempotency_key), "ONCE"


def budget_directory_partition(tenant_id: str) -> str:
    """The list of a tenant's budgets: which subject each one is on."""
    return _joined("TENANT", tenant_id, "BUDGETS")


def budget_directory_key(tenant_id: str, budget_id: str) -> Key:
    """Where to look up the subject of a budget."""
    return budget_directory_partition(tenant_id), budget_id


def deleted_budgets_partition(tenant_id: str) -> str:
    """The list of a tenant's deleted budgets, whose ledgers stay readable."""
    return _joined("TENANT", tenant_id, "DELETED_BUDGETS")


def deleted_budget_key(tenant_id: str, budget_id: str) -> Key:
    """The tombstone of a budget."""
    return deleted_budgets_partition(tenant_id), budget_id


def api_keys_partition(tenant_id: str) -> str:
    """The list of a tenant's API keys."""
    return _joined("TENANT", tenant_id, "KEYS")


def api_key_key(tenant_id: str, key_id: str) -> Key:
    """One API key, hashed."""
    return api_keys_partition(tenant_id), key_id


def tenant_key(tenant_id: str) -> Key:
    """A tenant and its settings."""
    return TENANTS_PARTITION, tenant_id


def budget_ref(tenant_id: str, budget_id: str) -> str:
    """Partition of the index `by_budget`: all counters of one budget, whatever the subject."""
    return _joined("TENANT", tenant_id, "BUDGET", budget_id)


def due_shard(shard: int) -> str:
    """Partition of the index `due`: counters whose period has an end."""
    return f"DUE#{shard:02d}"


def waiting_shard(shard: int) -> str:
    """Partition of the index `due`: closed counters in which something is still held."""
    return f"WAITING#{shard:02d}"


def due_shard_of(counter: Key) -> str:
    """In which partition of the index `due` a counter is listed: with all its periods."""
    return due_shard(_shard_of(counter))


def waiting_shard_of(counter: Key) -> str:
    """In which partition of the index `due` a counter waits for its holds."""
    return waiting_shard(_shard_of(counter))


def _shard_of(counter: Key) -> int:
    return zlib.crc32(counter[0].encode()) % DUE_SHARDS
