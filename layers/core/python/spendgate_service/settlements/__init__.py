"""Settlements: replace a hold by what was spent (settle, capture) or by nothing; record spend.

Model
    A command settles, captures or releases one reservation, or records spend that was never
    reserved. It comes to postings: what returns from a bucket to `available` of one counter, and
    what is spent there, each spend with its ledger entry (`store.postings`), and one usage record
    of the whole spend (`store.usage`), however many budgets applied. Commands arrive one by one
    over HTTP and in batches from the queue.

    plan      plans one command: decides by what is stored whether it is new, and what it writes
    captures  plans the captures of one lease: totals, which come to the largest among them
    captured_usage  makes the usage records of captures, one for each entry
    lines     makes the postings and the shares of a change of a reservation
    charges   charges what has expired, if it was reserved so; the scheduled function does it
    debits    finds the budgets that count spend on which nothing was held
    batches   divides a batch: commands that are applied together, plans that fit a transaction
    apply     applies a batch: reads what the commands are about, plans, writes one transaction

Invariants
    - Exactly once: the write of a reservation is conditional on it being held as it was read; a
      record with an idempotency key writes its idempotency record in the same transaction.
    - The counter, the ledger entry, the usage record and the reservation change in one transaction
      or not at all.
    - Totals of captures only grow: a repeated, older or reordered capture changes nothing.
    - A settlement or a capture belongs to the period in which it was reserved, and counts in full,
      also when the period has ended, the hold has expired, or the cost is above the estimate.
    - A command that fails takes nothing along: the cancellation reasons name it, and the rest of
      the batch is written without it. An outcome that is a `SpendgateError` is final; any other may
      be tried again.
    - What was reclaimed before cannot be returned twice: a counter that objects is read from the
      reason, and returns at most what is left in the bucket.

Cost
    Per batch two write units for each command, each counter, each budget's ledger item and the
    usage item (more where an item exceeds 1 KB; ten usage records fit 2 KB), and one read unit per
    command. Ten settlements on one hot budget
    write its counter once. Looking for threshold events reads each counter once more, in one call.

Boundaries
    Taking holds is in `reservations`, closing periods in `periods`. What a usage costs is decided
    before, in `pricing`. Which messages are retried or dead-lettered is decided in `api.queue`.
"""
