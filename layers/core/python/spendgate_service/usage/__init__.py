"""Usage: what was spent, by every measure; and the reversal of a spend.

Model
    Every spend leaves one usage record, in the transaction that spends (`settlements`), for any
    number of budgets. A report is the sum of records by group and interval; the scheduled
    function sums up most of them in advance.

    records           the records themselves, newest first
    roll_up           sum up the log by quarter of an hour and by day, in the background
    sources           the lines of a report: roll-ups, and the records that they do not count yet
    remembered_days   what past days came to, kept in memory between reports
    report            totals by group and interval of the calendar
    export            all records of a span, in parts
    days              the items of one day, merged over its shards
    reverse           undo a spend on every budget that counted it

Invariants
    - For every budget, the counter, the ledger and the counted shares of the usage records agree.
    - A spend is in a total once, however many budgets it touched.
    - A roll-up counts each record up to its day's position once: both are written in one
      transaction. A report counts what comes after the position by itself.
    - A spend is reversed once: the marker, the record, the ledger entries and the counters are
      written in one transaction.

Cost
    A reversal takes two write units for the record, the marker, each counter and each ledger entry.
    A roll-up takes two write units for each KB that changes, and nothing of a reserve or a settle.
    A report takes none; it reads roll-ups at a read unit for 8 KB, and the records that they do not
    count yet: one query for each of 36 days. Days that an environment remembers are not read again.
    By session or metadata it reads the records of its days: one query for each day and shard.

Boundaries
    Writing records is in `settlements`; what they look like in the table, in `store.usage`.
"""
