"""Check the roll-ups of one day of usage: each is the sum of the records up to its position.

A day whose records TTL may have removed is checked within itself: its own roll-up against those of
its quarters of an hour.
"""

from collections.abc import Iterator

from spendgate_service.audit.partition import Finding
from spendgate_service.domain.rollups import (
    FIRST_QUARTER,
    LAST_QUARTER,
    Rollup,
    name_of_quarter,
    rollups_by_quarter,
    sum_of,
)
from spendgate_service.domain.usage_days import start_of_day
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import RETENTION_SECONDS
from spendgate_service.store.rollups import (
    RolledDay,
    StoredRollup,
    are_together,
    read_rolled_day,
    read_rollups,
    rollup_items,
)
from spendgate_service.store.usage import read_usage, usage_items


def audit_rolled_day(table: Table, tenant_id: str, day: str, *, now_ms: int) -> list[Finding]:
    """Check the roll-ups of a day. Reads them and the records that they count."""
    key = keys.rollup_day_key(tenant_id, day)
    item = table.get(values.key(key))
    if item is None:
        return []
    rolled = read_rolled_day(item)
    partition = keys.quarters_partition(tenant_id, day)
    quarters = read_rollups(rollup_items(table, partition, FIRST_QUARTER, LAST_QUARTER))
    if quarters is None or not are_together(rolled, quarters.values()):
        says = f"the roll-ups of {day} do not count the {rolled.records} records that they should"
        return [Finding("rollup_incomplete", says, (key, (partition, "")))]
    found = list(_day_findings(table, key, rolled, quarters))
    if start_of_day(day) + RETENTION_SECONDS > now_ms // 1000:
        found += _record_findings(table, key, rolled, quarters)
    return found


def _day_findings(
    table: Table, key: keys.Key, rolled: RolledDay, quarters: dict[str, StoredRollup]
) -> Iterator[Finding]:
    """Compare the day's own roll-up, if it has one, with those of its quarters."""
    if not rolled.is_whole:
        return
    tenant_id, day = keys.tenant_of(key[0]), key[1]
    partition = keys.days_partition(tenant_id, day[:6])
    stored = read_rollups(rollup_items(table, partition, day, day))
    whole = sum_of(quarter.rollup for quarter in quarters.values())
    if stored is None or day not in stored or stored[day].rollup != whole:
        says = f"the roll-up of {day} is not the sum of its quarters of an hour"
        yield Finding("rollup_of_day", says, (key, (partition, keys.rollup_sort_key(day, 0))))


def _record_findings(
    table: Table, key: keys.Key, rolled: RolledDay, quarters: dict[str, StoredRollup]
) -> Iterator[Finding]:
    """Compare the quarters with the records that they count."""
    tenant_id, day = keys.tenant_of(key[0]), key[1]
    records = [
        record
        for shard in range(keys.USAGE_SHARDS)
        for item in usage_items(
            table, keys.usage_partition(tenant_id, day, shard), last=rolled.counted_to
        )
        for record in read_usage(item)
    ]
    expected = {
        name_of_quarter(moment): rollup for moment, rollup in rollups_by_quarter(records).items()
    }
    for name in sorted(expected.keys() | quarters.keys()):
        counted = quarters[name].rollup if name in quarters else Rollup()
        if counted != expected.get(name, Rollup()):
            says = f"the roll-up of {day} {name} is not the sum of its records"
            place = keys.quarters_partition(tenant_id, day), keys.rollup_sort_key(name, 0)
            yield Finding("rollup_mismatch", says, (place,))
