"""Check the change log: its entries can be read, and what needs an entry has one."""

import json

from spendgate_service.audit.partition import Finding
from spendgate_service.domain.changes import Action
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store import keys
from spendgate_service.store.changes import ChangeFilter, read_changes
from spendgate_service.store.client import Table
from spendgate_service.store.policies import read_policy_of
from spendgate_service.store.usage import find_usage_record
from spendgate_service.store.values import Item

_MOMENT_MS = 1000
"""An entry and what it is about have the same time; so far apart they are looked for."""

_ENTRIES_MAX = 100


def audit_change(key: keys.Key, item: Item) -> list[Finding]:
    """Check that an entry says the same as its key and its attributes."""
    entry = json.loads(item["entry"]["S"])
    if keys.CHANGE_PREFIX + entry["id"] == key[1] and entry["object"] == item["about"]["S"]:
        return []
    says = f"the entry is {entry['id']} about {entry['object']}, its item says otherwise"
    return [Finding("change_mismatch", says, (key,))]


def audit_reversal(table: Table, tenant_id: str, record_id: str, item: Item) -> list[Finding]:
    """Check that a reversal's record reverses what it says, and is in the change log."""
    reversal_id = item["reversal_id"]["S"]
    key = keys.reversal_key(tenant_id, record_id)
    reversal = find_usage_record(table, tenant_id, reversal_id)
    if reversal is None or reversal.reverses != record_id:
        says = f"{record_id} was reversed, but {reversal_id} is no record of it"
        return [Finding("reversal_missing", says, (key,))]
    return _missing(table, tenant_id, "usage.reversed", record_id, reversal.recorded_at_ms)


def audit_creations(table: Table, partition: str) -> list[Finding]:
    """Check that the creation of every budget of one policy is in the change log."""
    _, tenant_id, _, subject = keys.parts_of(partition)
    policy = read_policy_of(table, tenant_id, parse_subject(subject))
    return [
        finding
        for budget in policy.budgets
        for finding in _missing(
            table, tenant_id, "budget.created", budget.budget_id, budget.created_at_ms
        )
    ]


def _missing(table: Table, tenant_id: str, action: Action, about: str, at_ms: int) -> list[Finding]:
    """Look for the entry of what was done to an object at a moment."""
    wanted = ChangeFilter(max(0, at_ms - _MOMENT_MS), at_ms + _MOMENT_MS, about)
    entries, _ = read_changes(table, tenant_id, wanted, after=None, limit=_ENTRIES_MAX)
    if any(json.loads(entry)["action"] == action for entry in entries):
        return []
    says = f"the change log has no entry {action} about {about}"
    return [Finding("change_missing", says, ((keys.changes_partition(tenant_id), about),))]
