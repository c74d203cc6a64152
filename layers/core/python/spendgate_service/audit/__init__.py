"""Audit: check that every counter equals its ledger, and that all items about money agree.

Model
    Counters and ledger entries are written by the same transactions, so that one can be computed
    from the other:

        spent = the sum of the debits
        available + spent + holds + carried_out = limit + carried_in + the sum of the credits

    The usage log is the third book, written by the same transactions:

        the sum of the ledger's spends and reversals = the sum of the records' counted shares

    There are two audits. `GET /v1/budgets/{id}/audit` compares the three books of one budget. The
    command `python -m spendgate_service.audit` checks a whole table: also roll-ups, reservations,
    statements, policies, the change log and the lists of budgets.

    budget       one budget: counters against ledger
    books        one budget: ledger against usage log
    changes      the change log: its entries, and that what needs an entry has one
    rollups      one day of usage: roll-ups against the records
    table        a whole table: a scan in parallel segments, partition by partition
    partition    the checks within one partition
    scan_index   a scratch index on disk for what spans partitions (Suspect, BucketTotal)
    recheck      the second check of what the scan index found suspicious
    __main__     the command

Invariants
    - An audit writes nothing to the table, and is correct on a live table: what looks wrong is read
      a second time, consistently, and is a finding only if it is still wrong.
    - Each finding has a kind, a sentence, and the keys of the items involved. Kinds are public:
      scripts may depend on them.
    - Memory is bounded by one partition per segment, for a table of any size.

Cost
    No write units. A budget: the read units of its counters (twice), of its ledger, and of the
    tenant's usage log on the days of its periods, at most 100,000 records. A table: one consistent
    scan, and about as many read units again.

Boundaries
    The audit reports and never repairs. Periods whose retention is over are left out: TTL may have
    removed a part of their items.
"""
