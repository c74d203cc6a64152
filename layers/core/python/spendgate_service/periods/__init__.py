"""Periods: close those that have ended, with a statement, and carry over what the budget says.

Model
    A counter whose period has an end is listed in the index of due counters from its creation until
    it is closed (`store.due_index`). Closing writes a statement, which says what the counter said,
    and carries unused amounts or debt into the next period. A counter with open holds gets a
    statement that is not final, and waits in the index for the final one. Spend that is settled
    into a closed period lists its counter again; a further statement corrects the last.

    close   makes the writes that close one period
    run     closes everything that is due, in bounded slices, several shards side by side

Invariants
    - Enforcement does not depend on it: the current period follows from the clock. A run may be
      late, run twice at a time, or be killed; the next one continues with what is in the index.
    - The statement, the counter that leaves the index, and both sides of a carry-over are one
      transaction, on condition that the counter is as it was read.
    - A period carries over by the limit that was in force when it ended, and on the terms of its
      first statement, whenever it is closed.
    - One period that cannot be closed holds up no other: it is logged, counted, and tried again.

Cost
    Per period four write units without carry-over and eight with it, and those of the indexes. Per
    hundred periods four calls to read and four to write.

Boundaries
    What a statement says is decided in `domain.statements`; reading statements is in `reports`.
    The event about a closed period is made from the statement, in `events`. When a window of a
    duration starts, it takes what waited for it by itself (`store.windows`).
"""
