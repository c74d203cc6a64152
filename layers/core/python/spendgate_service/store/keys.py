"""The keys of the table: every kind of item is addressed, and its key taken apart, here.

A part that comes from outside is escaped, and each kind of item has its own tag and number of
parts. So two different items never share a key, and no id can address another tenant's item.
"""

import hashlib
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from spendgate_service.domain.periods import Period
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.domain.usage_days import DAY_SECONDS, start_of_day

_SORTED_CHARACTERS = 200
"""A sort key has at most 1,024 bytes, and a subject may have more."""
_DIGEST_DIGITS = 32

type Key = tuple[str, str]
"""Partition key and sort key."""

PERIOD_PREFIX = "PERIOD#"
LEDGER_PREFIX = "LEDGER#"
STATEMENT_PREFIX = "STATEMENT#"
WINDOW_PREFIX = "WINDOW#"
EVENT_PREFIX = "EVENT#"
CHANGE_PREFIX = "CHANGE#"
TENANTS_PREFIX = "TENANTS#"
RESERVATION_SORT_KEY = "RESERVATION"
SCHEMA_KEY: Key = ("SCHEMA", "SCHEMA")
OPERATOR_TENANT = "-"
"""Stands in a key for the operator, who belongs to no tenant; no tenant id begins with it."""

USAGE_SHARDS = 4
"""Over how many partitions the usage records of one tenant and day are spread."""

USAGE_FIRST = "0"
USAGE_LAST = "~"
"""Before and after every sort key of a usage partition."""

IS_NEW = "attribute_not_exists(pk)"
"""The condition that no item has this key yet."""

SORTED_BETWEEN = "pk = :pk AND sk BETWEEN :first AND :last"
"""In one partition, what is sorted between two sort keys, both of them included."""

DUE_SHARDS = 16
"""Over how many partitions the index of due counters is spread: 16,000 new ones a second.

A partition takes 1,000 writes a second; an index that takes no more holds up the table's writes.
"""

CHARGE_SHARDS = 4
"""Over how many partitions the reservations that are charged on expiry are spread in it."""

BUDGET_SHARDS = 8
"""Over how many partitions the index of a budget's counters is spread: 8,000 new ones a second."""

TENANT_SHARDS = 16
"""Over how many the tenants are: every environment reads them anew every few seconds."""

EXPIRING_REQUESTS_SHARD = "REQUESTS"
"""The partition of the index `due` with the pending increase requests, by their ends."""

ROLLUP_STATE = "STATE"
"""The sort key of the state of a tenant's roll-ups; the others are days."""

ROLLUPS_DUE = "ROLLUPS"
"""The partition of the index `due` with the tenants, each by when its usage is rolled up next."""


def read_key(item: Mapping[str, Mapping[str, Any]]) -> Key:
    """Return the primary key of an item, or of a key in DynamoDB's notation."""
    return item["pk"]["S"], item["sk"]["S"]


def _joined(*parts: str) -> str:
    return "#".join([part.replace("%", "%25").replace("#", "%23") for part in parts])


def parts_of(partition: str) -> tuple[str, ...]:
    """Return the parts of a partition key, unescaped."""
    return tuple(part.replace("%23", "#").replace("%25", "%") for part in partition.split("#"))


@lru_cache(maxsize=4096)
def policy_key(tenant_id: str, subject: Subject) -> Key:
    """Return the key of the policy of a subject."""
    return _joined("TENANT", tenant_id, "SUBJECT", str(subject)), "POLICY"


def counter_partition(tenant_id: str, budget_id: str, subject: Subject) -> str:
    """Return the partition of the counters, ledger and statements of a budget and subject."""
    return _joined("TENANT", tenant_id, "COUNTER", budget_id, str(subject))


def read_counter_partition(partition: str) -> tuple[str, str, Subject]:
    """Return the tenant, the budget and the subject of a partition of `counter_partition`."""
    _, tenant_id, _, budget_id, subject = parts_of(partition)
    return tenant_id, budget_id, parse_subject(subject)


def tenant_of(partition: str) -> str:
    """Return the tenant of a partition that begins with one, as all that have events do."""
    return parts_of(partition)[1]


def counter_key(tenant_id: str, budget_id: str, subject: Subject, period_key: str) -> Key:
    """Return the key of the counter of a budget for one subject and period."""
    return counter_partition(tenant_id, budget_id, subject), PERIOD_PREFIX + period_key


def period_key_of(counter: str) -> str:
    """Return the period of a counter, by the counter's sort key."""
    return counter.removeprefix(PERIOD_PREFIX)


def window_key(tenant_id: str, budget_id: str, subject: Subject, seconds: int) -> Key:
    """Return the key of the item that says when the last window of a duration started."""
    return counter_partition(tenant_id, budget_id, subject), f"{WINDOW_PREFIX}{seconds}"


def ledger_sort_key(created_at_ms: int, batch_id: str) -> str:
    """Sort the ledger by time; the batch that wrote the entries makes the key unique."""
    return f"{ledger_moment(created_at_ms)}#{batch_id}"


def ledger_moment(created_at_ms: int) -> str:
    """Return a sort key before every entry of that moment and after every earlier one."""
    return f"{LEDGER_PREFIX}{created_at_ms:015d}"


def ledger_place_of(sort_key: str) -> tuple[int, str]:
    """Return when the entries of an item were created, and their batch."""
    moment, _, batch_id = sort_key.removeprefix(LEDGER_PREFIX).partition("#")
    return int(moment), batch_id


def statement_sort_key(period: Period, revision: int) -> str:
    """Sort statements by the end of their period, then by revision."""
    assert period.ends_at is not None
    return f"{STATEMENT_PREFIX}{period.ends_at:012d}#{period.key}#{revision:06d}"


def period_and_revision_of(statement: str) -> tuple[str, int]:
    """Return the period key and the revision that a statement's sort key names."""
    _, _, period_key, revision = statement.split("#")
    return period_key, int(revision)


def event_key(tenant_id: str, budget_id: str, subject: Subject, when: str, what: str) -> Key:
    """Return the key of an event in the outbox: `what` happens to a budget once in `when`."""
    return counter_partition(tenant_id, budget_id, subject), EVENT_PREFIX + _joined(when, what)


def reservation_key(tenant_id: str, reservation_id: str) -> Key:
    """Return the key of a reservation."""
    return _joined("TENANT", tenant_id, "RESERVATION", reservation_id), RESERVATION_SORT_KEY


def reservation_in(partition: str) -> str:
    """Return the id of the reservation in a partition of `reservation_key`."""
    return parts_of(partition)[-1]


def usage_partition(tenant_id: str, day: str, shard: int) -> str:
    """Return a partition of the usage records of a tenant and a UTC day (`20261128`)."""
    return _joined("TENANT", tenant_id, "USAGE", day, str(shard))


def usage_day_of(partition: str) -> str:
    """Return the day of a partition of `usage_partition`."""
    return parts_of(partition)[3]


def usage_key(tenant_id: str, day: str, batch_id: str, *, recorded_at_ms: int) -> Key:
    """Return the key of the item with a batch's usage records. Late records share one shard."""
    shards = usage_shards_from(day, usage_moment(recorded_at_ms))
    shard = _shard_of(batch_id, len(shards))
    return usage_partition(tenant_id, day, shard), f"{usage_moment(recorded_at_ms)}#{batch_id}"


def usage_shards_from(day: str, sort_key: str) -> range:
    """Return the shards of a day in which a usage item may be that sorts at or after a key.

    What is recorded later than on the next day is rare: one shard is enough for it.
    """
    is_late_from_ms = (start_of_day(day) + 2 * DAY_SECONDS) * 1000
    return range(1 if sort_key >= usage_moment(is_late_from_ms) else USAGE_SHARDS)


def rollups_partition(tenant_id: str) -> str:
    """Return the partition of the state of a tenant's roll-ups, and of its days."""
    return _joined("TENANT", tenant_id, "ROLLUPS")


def rollup_state_key(tenant_id: str) -> Key:
    """Return the key of the item that says up to when all of a tenant's usage is rolled up."""
    return rollups_partition(tenant_id), ROLLUP_STATE


def rollup_day_key(tenant_id: str, day: str) -> Key:
    """Return the key of the item about the roll-ups of one UTC day."""
    return rollups_partition(tenant_id), day


def quarters_partition(tenant_id: str, day: str) -> str:
    """Return the partition of the roll-ups of the quarters of an hour of a UTC day."""
    return _joined("TENANT", tenant_id, "QUARTERS", day)


def days_partition(tenant_id: str, month: str) -> str:
    """Return the partition of the roll-ups of the UTC days of a month (`202611`)."""
    return _joined("TENANT", tenant_id, "DAYS", month)


def rollup_sort_key(name: str, part: int) -> str:
    """Return the sort key of a part of a roll-up: of a day (`20261128`), or a quarter (`0915`)."""
    return f"{name}#{part:02d}"


def rollup_name_of(sort_key: str) -> str:
    """Return the name of the roll-up whose part has a sort key of `rollup_sort_key`."""
    return sort_key.partition("#")[0]


def after_rollup(name: str) -> str:
    """Return a sort key after every part of a roll-up and before the next one."""
    return f"{name}$"


def reversal_key(tenant_id: str, record_id: str) -> Key:
    """Return the key of the marker that a usage record was reversed."""
    return _joined("TENANT", tenant_id, "REVERSAL", record_id), "REVERSAL"


def usage_moment(recorded_at_ms: int) -> str:
    """Return a sort key before every usage record of that moment and after every earlier one."""
    return f"{recorded_at_ms:015d}"


def usage_place_of(sort_key: str) -> tuple[int, str]:
    """Return when the records of an item were recorded, and their batch."""
    moment, _, batch_id = sort_key.partition("#")
    return int(moment), batch_id


def refusals_partition(tenant_id: str, day: int) -> str:
    """Return the partition of a tenant's refusals on a day since the epoch."""
    return _joined("TENANT", tenant_id, "REFUSALS", str(day))


def refusals_minute(minute: int) -> str:
    """Return a sort key before all refusals of a minute (epoch seconds)."""
    return f"{minute:012d}"


def holds_of(tenant_id: str) -> str:
    """Return the partition of the index `open_holds`: the tenant's long and extended holds."""
    return _joined("TENANT", tenant_id, "HOLDS")


def once_key(tenant_id: str, operation: str, idempotency_key: str) -> Key:
    """Return the key of the record that an operation took effect for an idempotency key."""
    return _joined("TENANT", tenant_id, "ONCE", operation, idempotency_key), "ONCE"


def attempts_key(message_id: str) -> Key:
    """Return the key of the attempts to process a message of the settlement queue."""
    return _joined("MESSAGE", message_id), "ATTEMPTS"


def budget_directory_partition(tenant_id: str) -> str:
    """Return the partition that lists a tenant's budgets, each with its subject."""
    return _joined("TENANT", tenant_id, "BUDGETS")


def budget_directory_key(tenant_id: str, budget_id: str) -> Key:
    """Return the key under which a budget is listed."""
    return budget_directory_partition(tenant_id), budget_id


def deleted_budgets_partition(tenant_id: str) -> str:
    """Return the partition that lists a tenant's deleted budgets; their ledgers stay readable."""
    return _joined("TENANT", tenant_id, "DELETED_BUDGETS")


def deleted_budget_key(tenant_id: str, budget_id: str) -> Key:
    """Return the key of the tombstone of a deleted budget."""
    return deleted_budgets_partition(tenant_id), budget_id


def slug_key(tenant_id: str, slug: str) -> Key:
    """Return the key of the item that says which budget has a slug."""
    return _joined("TENANT", tenant_id, "SLUGS"), slug


def token_caps_partition(tenant_id: str) -> str:
    """Return the partition that lists the subjects of a tenant that have a token cap."""
    return _joined("TENANT", tenant_id, "TOKEN_CAPS")


def token_cap_key(tenant_id: str, subject: Subject) -> Key:
    """Return the key under which a token cap is listed: by subject, shortened and made unique."""
    shortened = str(subject)[:_SORTED_CHARACTERS]
    return token_caps_partition(tenant_id), f"{shortened}#{_digest_of(subject)}"


def increase_requests_partition(tenant_id: str) -> str:
    """Return the partition of a tenant's increase requests."""
    return _joined("TENANT", tenant_id, "INCREASE_REQUESTS")


def increase_request_key(tenant_id: str, request_id: str) -> Key:
    """Return the key of an increase request; the id sorts it by time."""
    return increase_requests_partition(tenant_id), request_id


def waiting_requests_partition(tenant_id: str) -> str:
    """Return the partition of what a tenant's keys wait for: their pending increase requests."""
    return _joined("TENANT", tenant_id, "WAITING_REQUESTS")


def waiting_request_key(tenant_id: str, key_id: str, budget_id: str, subject: Subject) -> Key:
    """Return the key under which an API key waits for more on the budget of a subject."""
    return waiting_requests_partition(tenant_id), _joined(key_id, budget_id, _digest_of(subject))


def is_waiting_of(sort_key: str, key_id: str) -> bool:
    """Tell whether a sort key of `waiting_request_key` is that of an API key."""
    return sort_key.startswith(_joined(key_id, ""))


def changes_partition(tenant_id: str) -> str:
    """Return the partition of a tenant's change log."""
    return _joined("TENANT", tenant_id, "CHANGES")


def change_key(tenant_id: str, change_id: str) -> Key:
    """Return the key of an entry of the change log; the id sorts it by time."""
    return changes_partition(tenant_id), CHANGE_PREFIX + change_id


def notifications_key(tenant_id: str) -> Key:
    """Return the key of the item with a tenant's targets of notifications."""
    return _joined("TENANT", tenant_id, "NOTIFICATIONS"), "TARGETS"


def delivery_state_key(tenant_id: str, notification_id: str) -> Key:
    """Return the key of the item that says how deliveries to a target go."""
    return _joined("TENANT", tenant_id, "DELIVERIES"), notification_id


def api_keys_partition(tenant_id: str) -> str:
    """Return the partition of a tenant's API keys."""
    return _joined("TENANT", tenant_id, "KEYS")


def api_key_key(tenant_id: str, key_id: str) -> Key:
    """Return the key of an API key, which is stored hashed."""
    return api_keys_partition(tenant_id), key_id


def tenants_partition(shard: int) -> str:
    """Return a partition of the tenants."""
    return f"{TENANTS_PREFIX}{shard:02d}"


def tenant_key(tenant_id: str) -> Key:
    """Return the key of a tenant and its settings."""
    return tenants_partition(_shard_of(tenant_id, TENANT_SHARDS)), tenant_id


def budget_ref(tenant_id: str, budget_id: str, shard: int) -> str:
    """Return a partition of the index `by_budget`: counters of one budget."""
    return _joined("TENANT", tenant_id, "BUDGET", budget_id, str(shard))


def budget_shard_of(subject: Subject) -> int:
    """Return in which partition of `budget_ref` a subject's counters are: with all its periods."""
    return _shard_of(str(subject), BUDGET_SHARDS)


def due_shard(shard: int) -> str:
    """Return a partition of the index `due`: counters whose period has an end."""
    return f"DUE#{shard:02d}"


def waiting_shard(shard: int) -> str:
    """Return a partition of the index `due`: closed counters that still have holds."""
    return f"WAITING#{shard:02d}"


def charge_shard(shard: int) -> str:
    """Return a partition of the index `due`: reservations that are charged when they expire."""
    return f"CHARGE#{shard:02d}"


def charge_shard_of(reservation_id: str) -> str:
    """Return the partition of the index `due` that lists a reservation until it is charged."""
    return charge_shard(_shard_of(reservation_id, CHARGE_SHARDS))


def due_shard_of(counter: Key) -> str:
    """Return the partition of the index `due` that lists a counter: with all its periods."""
    return due_shard(_shard_of(counter[0], DUE_SHARDS))


def waiting_shard_of(counter: Key) -> str:
    """Return the partition of the index `due` in which a closed counter waits for its holds."""
    return waiting_shard(_shard_of(counter[0], DUE_SHARDS))


def _digest_of(subject: Subject) -> str:
    """Return what stands for a subject in a sort key, which it may be too long for."""
    return hashlib.sha256(str(subject).encode()).hexdigest()[:_DIGEST_DIGITS]


def _shard_of(text: str, shards: int) -> int:
    return zlib.crc32(text.encode()) % shards
