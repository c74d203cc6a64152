"""Check one partition of the table, and a budget against the lists of budgets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from spendgate_service.audit.budget import audit_subject
from spendgate_service.audit.scan_index import CLOCKS_DIFFER_MS
from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.audit import Difference
from spendgate_service.domain.budgets import Policy
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import period_of
from spendgate_service.domain.statements import Statement
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import counters_of
from spendgate_service.store.counters import is_forgotten, read_counter
from spendgate_service.store.ledger import read_ledger
from spendgate_service.store.listings import find_listed
from spendgate_service.store.policies import read_policy_of
from spendgate_service.store.statements import read_statement, statements_in
from spendgate_service.store.values import Item

ALL_OF_ONE_SUBJECT = "pk = :pk"

_COMMON_BALANCES = ("limit", "carried_in", "spent", "carried_out")
"""The balances that a counter and its last statement have in common, and their credits."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An inconsistency: its kind, a sentence about it, and the keys of the items involved."""

    kind: str
    says: str
    items: tuple[keys.Key, ...]


@dataclass(slots=True)
class Checked:
    """How much of a partition was checked, and what is wrong with it."""

    counters: int = 0
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Debits:
    """The least and the most that was spent in a period, by the ledger, when it was closed."""

    at_least: Amount = 0
    at_most: Amount = 0

    def add(self, entry: LedgerEntry, *, closed_at_ms: int) -> None:
        debit = entry.amount if entry.kind in {"spend", "opening", "reversal"} else 0
        surely = entry.created_at_ms < closed_at_ms - CLOCKS_DIFFER_MS
        possibly = entry.created_at_ms <= closed_at_ms + CLOCKS_DIFFER_MS
        if surely or (possibly and debit < 0):
            self.at_least += debit
        if surely or (possibly and debit > 0):
            self.at_most += debit


def audit_counters(
    table: Table, partition: str, *, now_ms: int, note: Callable[[LedgerEntry], None]
) -> Checked:
    """Check the counters, the ledger and the statements of a budget and subject."""
    tenant_id, budget_id, subject = keys.read_counter_partition(partition)
    statements = _latest_statements(table, partition)
    debits = {period_key: _Debits() for period_key in statements}

    def noted(entry: LedgerEntry) -> None:
        if entry.period_key in statements:
            closed_at_ms = statements[entry.period_key][1].closed_at_ms
            debits[entry.period_key].add(entry, closed_at_ms=closed_at_ms)
        note(entry)

    audit = audit_subject(table, tenant_id, budget_id, subject, now_ms=now_ms, note=noted)
    found = [_balance_finding(partition, difference) for difference in audit.differences]
    for item in table.query_items(**counters_of(partition)):
        key = (partition, item["sk"]["S"])
        found += _counter_findings(key, read_counter(item))
        period_key = keys.period_key_of(key[1])
        if "due_shard" in item:  # not closed yet, or to be closed once more
            statements.pop(period_key, None)
        elif not is_forgotten(period_key, now_ms=now_ms):
            found += _closing_findings(table, key, item)
    for period_key, (key, statement) in statements.items():
        if not is_forgotten(period_key, now_ms=now_ms):
            found += _statement_findings(key, statement, debits[period_key])
    if not _is_listed(table, tenant_id, budget_id):
        says = f"the tenant has no budget {budget_id}, not even a deleted one"
        found.append(Finding("counter_without_budget", says, ((partition, ""),)))
    return Checked(audit.counters, audit.entries, found)


def audit_policy(table: Table, partition: str) -> list[Finding]:
    """Check that the list of budgets has every budget of one policy, with the right subject."""
    _, tenant_id, _, named = keys.parts_of(partition)
    subject = parse_subject(named)
    key = keys.policy_key(tenant_id, subject)
    found = []
    for budget in read_policy_of(table, tenant_id, subject).budgets:
        place = keys.budget_directory_key(tenant_id, budget.budget_id)
        row = table.get(values.key(place))
        if row is None:
            says = f"{budget.budget_id} limits {subject} but is not in the list of budgets"
            found.append(Finding("budget_not_listed", says, (key, place)))
        elif row["subject"]["S"] != str(subject):
            says = f"{budget.budget_id} is listed on {row['subject']['S']} but limits {subject}"
            found.append(Finding("budget_listed_elsewhere", says, (key, place)))
    return found


def audit_listing(table: Table, key: keys.Key, item: Item) -> list[Finding]:
    """Check one row of a tenant's list of budgets, or of deleted budgets."""
    _, tenant_id, which = keys.parts_of(key[0])
    budget_id, subject = key[1], parse_subject(item["subject"]["S"])
    policy: Policy = read_policy_of(table, tenant_id, subject)
    place = keys.policy_key(tenant_id, subject)
    if which == "BUDGETS" and policy.budget(budget_id) is None and _exists(table, key):
        says = f"{budget_id} is listed on {subject}, but the policy does not have it"
        return [Finding("listed_budget_missing", says, (key, place))]
    if which == "DELETED_BUDGETS" and policy.budget(budget_id) is not None:
        says = f"{budget_id} is deleted, but the policy of {subject} still has it"
        return [Finding("deleted_budget_in_force", says, (key, place))]
    return []


def unreadable_items(table: Table, partition: str) -> list[keys.Key]:
    """Return the counters, ledger items and statements of a partition that cannot be read."""
    found = table.query_items(
        KeyConditionExpression=ALL_OF_ONE_SUBJECT,
        ExpressionAttributeValues={":pk": values.text(partition)},
        ConsistentRead=True,
    )
    return [(partition, item["sk"]["S"]) for item in found if not _is_readable(item)]


def _is_readable(item: Item) -> bool:
    sort_key = item["sk"]["S"]
    try:
        if sort_key.startswith(keys.PERIOD_PREFIX):
            period_of(keys.period_key_of(sort_key))
            read_counter(item)
        elif sort_key.startswith(keys.LEDGER_PREFIX):
            for entry in read_ledger(item):
                period_of(entry.period_key)
        elif sort_key.startswith(keys.STATEMENT_PREFIX):
            read_statement(item)
    except values.UNREADABLE:
        return False
    return True


def _balance_finding(partition: str, difference: Difference) -> Finding:
    expected, found = amount_text(difference.expected), amount_text(difference.found)
    says = f"the {difference.balance} is {found}, by the ledger {expected}"
    return Finding(
        f"counter_{difference.balance}",
        says,
        ((partition, keys.PERIOD_PREFIX + difference.period_key),),
    )


def _counter_findings(key: keys.Key, counter: Counter) -> Iterator[Finding]:
    for bucket, amount in counter.holds.items():
        if amount < 0:
            says = f"the bucket {bucket} holds {amount_text(amount)}"
            yield Finding("negative_hold", says, (key,))
    in_window = sum(counter.slices.values())
    if counter.spent_ever is not None and in_window != counter.spent:
        says = f"the slices add up to {amount_text(in_window)}, not {amount_text(counter.spent)}"
        yield Finding("rolling_window", says, (key,))


def _closing_findings(table: Table, key: keys.Key, item: Item) -> Iterator[Finding]:
    """Check that a counter that left the index of due counters has a statement that agrees with it.

    The statement was written with the counter and never changes, so it is read after the counter.
    """
    period = period_of(keys.period_key_of(key[1]))
    if period.ends_at is None:
        return
    number = item.get("statement_revision")
    revision = values.read_number(number) if number else 0
    if revision < 1:
        yield Finding(
            "not_due",
            "it was never closed, and is not in the index of due counters",
            (key,),
        )
        return
    place = key[0], keys.statement_sort_key(period, revision)
    found = table.get(values.key(place))
    if found is None:
        says = f"the period was closed {revision} times, but statement {revision} is missing"
        yield Finding("statement_missing", says, (key, place))
        return
    counter, statement = read_counter(item), read_statement(found)
    balances = {name: getattr(counter, name) for name in _COMMON_BALANCES}
    balances["credits"] = counter.credits_at(now_ms=period.ends_at * 1000)
    for name, balance in balances.items():
        has, states = amount_text(balance), amount_text(getattr(statement, name))
        if has != states:
            says = f"the {name} is {has}, by the last statement {states}, and it is not due"
            yield Finding("statement_otherwise", says, (key, place))


def _statement_findings(key: keys.Key, statement: Statement, debits: _Debits) -> Iterator[Finding]:
    if not debits.at_least <= statement.spent <= debits.at_most:
        says = (
            f"the statement has {amount_text(statement.spent)} spent, "
            f"the ledger until then {amount_text(debits.at_most)}"
        )
        yield Finding("statement", says, (key,))


def _latest_statements(table: Table, partition: str) -> dict[str, tuple[keys.Key, Statement]]:
    """Read the last statement of each period, by the period's key."""
    return {
        keys.period_and_revision_of(item["sk"]["S"])[0]: (
            keys.read_key(item),
            read_statement(item),
        )
        for item in statements_in(table, partition)
    }


def _exists(table: Table, key: keys.Key) -> bool:
    return table.get(values.key(key)) is not None


def _is_listed(table: Table, tenant_id: str, budget_id: str) -> bool:
    try:
        find_listed(table, tenant_id, budget_id)
    except NotFound:
        return False
    return True
