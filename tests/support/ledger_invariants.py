"""The books of a table: what every counter, hold and ledger entry in it must add up to."""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.statements import Statement
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counter
from spendgate_service.store.ledger import read_ledger
from spendgate_service.store.reservations import read_reservation
from spendgate_service.store.statements import read_statement
from spendgate_service.store.usage import read_usage
from spendgate_service.store.values import Item, read_amount, read_number


@dataclass(slots=True)
class Books:
    """Everything in a table that has to do with money; counters are known by their keys."""

    counters: dict[keys.Key, Counter] = field(default_factory=dict)
    spent_by_ledger: Tally[keys.Key] = field(default_factory=Tally)
    opened_by_ledger: Tally[keys.Key] = field(default_factory=Tally)
    """The part of it that a counter started with: it is in no usage record of its own."""
    credited_by_ledger: Tally[keys.Key] = field(default_factory=Tally)
    carried_by_ledger: Tally[keys.Key] = field(default_factory=Tally)
    usage: list[tuple[str, UsageRecord]] = field(default_factory=list)
    """The records of the usage log, each with its tenant, as they lie in the table."""
    entries: int = 0
    due: dict[keys.Key, int] = field(default_factory=dict)
    """When the periods end that are in the index of the due."""
    reservations: list[tuple[str, Reservation]] = field(default_factory=list)
    statements: dict[keys.Key, list[Statement]] = field(default_factory=dict)
    """By counter, in the order in which they were written."""
    waiting: Tally[str] = field(default_factory=Tally)
    """What waits to be carried into the next window of a duration, by partition."""

    @property
    def all_statements(self) -> list[Statement]:
        return [statement for several in self.statements.values() for statement in several]

    def add(self, partition: str, entry: LedgerEntry) -> None:
        key = partition, keys.PERIOD_PREFIX + entry.period_key
        self.entries += 1
        match entry.kind:
            case "spend" | "opening" | "reversal":
                self.spent_by_ledger[key] += entry.amount
                self.opened_by_ledger[key] += entry.amount if entry.kind == "opening" else 0
            case "credit" | "credit_expired":
                self.credited_by_ledger[key] -= entry.amount
            case "carry_over":
                self.carried_by_ledger[key] -= entry.amount

    @property
    def spent_by_usage(self) -> "Tally[keys.Key]":
        """What the usage log says was spent on each counter."""
        spent: Tally[keys.Key] = Tally()
        for tenant_id, record in self.usage:
            for share in record.budgets:
                if share.counted:
                    assert share.period_key is not None
                    key = keys.counter_key(
                        tenant_id, share.budget_id, share.subject, share.period_key
                    )
                    spent[key] += share.amount
        return spent

    @property
    def held_by_reservations(self) -> Mapping[tuple[keys.Key, int], Amount]:
        """What the reservations that are still held say each bucket of each counter holds."""
        held: Tally[tuple[keys.Key, int]] = Tally()
        for tenant_id, reservation in self.reservations:
            for line in reservation.lines if reservation.state == "held" else ():
                key = keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
                held[key, reservation.bucket] += reservation.held_on(line)
        return held


def read_books(table: Table) -> Books:
    books = Books()
    for item in scan(table):
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if sk.startswith(keys.PERIOD_PREFIX):
            books.counters[pk, sk] = read_counter(item)
            if "due_shard" in item:
                books.due[pk, sk] = read_number(item["ends_at"])
        elif sk.startswith(keys.LEDGER_PREFIX):
            for entry in read_ledger(item):
                books.add(pk, entry)
        elif sk == keys.RESERVATION_SORT_KEY:
            _, tenant_id, _, reservation_id = pk.split("#")
            books.reservations.append((tenant_id, read_reservation(reservation_id, item)))
        elif sk.startswith(keys.STATEMENT_PREFIX):
            statement = read_statement(item)
            counter_key = pk, keys.PERIOD_PREFIX + statement.period.key
            books.statements.setdefault(counter_key, []).append(statement)
        elif "usage_lines" in item:
            tenant_id = keys.tenant_of(pk)
            books.usage += [(tenant_id, record) for record in read_usage(item)]
        elif sk.startswith(keys.WINDOW_PREFIX) and "carry_waiting" in item:
            books.waiting[pk] += read_amount(item["carry_waiting"])
    return books


def assert_books_balance(table: Table, *, now_ms: int, orphans_allowed: bool = False) -> Books:
    """Audit a whole table: its counters, its ledger and its usage log say the same.

    An orphan is a hold without a reservation: what a crash leaves until the hold expires.
    """
    books = read_books(table)
    spent_by_usage = books.spent_by_usage
    for key, counter in books.counters.items():
        credited = books.credited_by_ledger[key]
        assert counter.credits_without_end == credited, (key, counter)
        carried = counter.carried_in - counter.carried_out
        assert books.carried_by_ledger[key] == carried, (key, counter)
        assert all(amount >= 0 for amount in counter.holds.values()), (key, counter)
        if counter.spent_ever is not None:
            assert sum(counter.slices.values()) == counter.spent, (key, counter)
        assert books.spent_by_ledger[key] == counter.spent_of_all_time, (key, counter)
        used = counter.spent_of_all_time - books.opened_by_ledger[key]
        assert spent_by_usage[key] == used, (key, counter, "usage log")
    assert not books.spent_by_ledger.keys() - books.counters.keys()
    assert not spent_by_usage.keys() - books.counters.keys()
    for partition in {partition for partition, _ in books.counters}:
        carried = sum(
            amount for key, amount in books.carried_by_ledger.items() if key[0] == partition
        )
        assert carried + books.waiting[partition] == 0, (partition, "carried from or to nowhere")
    for key, statements in books.statements.items():
        assert [statement.revision for statement in statements] == list(
            range(1, len(statements) + 1)
        ), key
    wanted = books.held_by_reservations
    for key, bucket in wanted:
        if bucket * 1000 > now_ms:
            held = books.counters[key].holds
            backed = sum(amount for until, amount in held.items() if until >= bucket)
            claimed = sum(
                amount for (other, until), amount in wanted.items()
                if other == key and until >= bucket
            )  # fmt: skip
            assert backed >= claimed, (key, bucket)
    if not orphans_allowed:
        for key, counter in books.counters.items():
            for bucket, amount in counter.holds.items():
                assert amount <= wanted.get((key, bucket), 0), (key, bucket, "held by nobody")
    return books


def scan(table: Table) -> Iterator[Item]:
    return chain.from_iterable(table.scan_pages(ConsistentRead=True))
