"""Reservations: hold an estimate on every budget that applies, all or none.

Model
    A request names subjects and amounts. Each budget that applies becomes a claim on one counter
    (`store.claims`). A hold moves the amount on that counter from `available` to the bucket in
    which it expires. A reservation is the item that lists its holds as lines.

    reserve         takes every hold, then stores the reservation; returns the first response to a
                    replay of the same idempotency key
    hold            takes one hold: the conditional update, and what follows if it fails; takes and
                    returns those of one request side by side
    partial         tries the whole of a request, and then the most of it that fits
    replays         the id under an idempotency key, and the first response
    check           previews a reservation, and reads the balances of subjects; writes nothing
    alternatives    finds the fallback models that fit in place of the one asked for
    extend          moves a hold to a later bucket
    grow            extends a lease and holds more on every budget that applies
    find            reads one reservation
    open_holds      lists the long and the extended holds that are open
    refusal_log     counts refusals in memory and writes them once a minute at most
    refusal_cache   refuses for an exhausted budget under load without a call to DynamoDB

Invariants
    - Never past the limit: the condition of the update compares the amount with the counter's own
      `available`. A stale cached policy cannot grant past it; the counter's version shows that the
      policy is stale, and the request is decided again.
    - A reservation exists only if all its holds were taken: its put comes last. If it fails, or any
      budget refuses, the holds are returned. A crash in between leaves holds that expire.
    - A replay takes nothing: the put finds the item of the first request, and the holds of the
      replay are returned.
    - A put without a response is repeated; while it may have been applied its holds stay.
    - A hold is reclaimed by the next write on its counter, a second after it expired, so that every
      clock agrees.

Cost
    reserve   k + 1 write units for k budgets with cached policies, and no read; one more for each
              counter that has to catch up with its policy or to reclaim. A refused request with an
              idempotency key reads its reservation once. No transaction.
    partial   as a refused request, and as a reserve for each part that is tried, three at most.
    check     one read unit per budget.
    alternatives   one read unit per budget on the request's and the fallback models' subjects, in
              refusals and checks of usage, and only where the tenant has fallback models.
    extend    one read unit, and two write units for the reservation and for each of its counters.
    grow      one read unit, and one write unit for the reservation and for each of its counters. No
              transaction.

    A hold of more than ten minutes, or an extended one, is in a sparse index: one write unit more
    when it is taken, moved and closed.

Boundaries
    How a hold ends by a settlement or a release is in `settlements`. Which budgets apply and
    whether one grants is decided in `domain` (`budgets`, `decisions`); the conditions that say the
    same to DynamoDB are in `store.holds`. Events are written by `events.threshold_events`.
"""
