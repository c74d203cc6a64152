"""Usage: what was spent, by every measure; and the reversal of a spend.

Model
    Every spend leaves one usage record, in the transaction that spends (`settlements`), for any
    number of budgets. A report is the sum of records by group and interval.

    records   the records themselves, newest first
    report    totals by group and interval of the calendar
    export    all records of a span, in parts
    days      the items of one day, merged over its shards
    reverse   undo a spend on every budget that counted it

Invariants
    - For every budget, the counter, the ledger and the counted shares of the usage records agree.
    - A spend is in a total once, however many budgets it touched.
    - A spend is reversed once: the marker, the record, the ledger entries and the counters are
      written in one transaction.

Cost
    A reversal takes two write units for the record, the marker, each counter and each ledger entry.
    All else takes no write units. A report reads the records of its days: one query for each day
    and shard.

Boundaries
    Writing records is in `settlements`; what they look like in the table, in `store.usage`.
"""
