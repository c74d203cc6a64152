"""The table: one module per kind of item. Only `clients` and `messaging` know AWS.

Model
    A module has the attributes of its item, the named conditions and updates, the reads and the
    single writes. No flow: what is written next, and what happens if a condition fails, is decided
    by a capability. A function named `...ing`, `writes_of...` or `...is_as_read` makes a write for
    a transaction; the others call the table.

    counters        balances of one budget, subject and period; how one is created; how long kept
    holds           the updates of a counter that hold, reclaim and return
    postings        the sum of what a batch does to counters and the ledger
    claims          the counter that a request claims from, and reads of balances
    windows         when the window of a duration started, and what waits for the next one
    carry_over      the writes that bring an amount from one period into the next
    counter_index   which counters a budget has
    due_index       counters whose period has ended; the update that closes one
    reservations    reservations and their lines
    ledger          ledger entries, one item per batch, budget and subject
    usage           usage records, one item per batch, tenant and day
    rollups         sums of usage records, by quarter of an hour and by day
    credit_writes   the updates of a counter that credit and correct it
    changes         entries of the change log
    refusals        refusals, one item per minute, environment, budget, subject and code
    slugs           which budget has a slug
    increase_requests  requests for more on a budget, and who waits for a decision
    notifications   the targets of a tenant's messages
    statements      statements of closed periods
    policies        budgets and token cap of one subject
    policy_cache    the cache of policies and tenant settings
    attempts        how often the consumer began a message
    tenants, api_keys, token_caps, listings, outbox, idempotency, schema

    client          the calls, their retries, and what each error of DynamoDB means
    clients         the two adapters of DynamoDB's port: the lean one and botocore's
    errors          those meanings; `messaging` has those of SQS and EventBridge
    retrying        every optimistic loop: `for attempt in attempts(...)`, and the counts
    keys, values    keys and attribute values; `packing`, `paging` and `ids` are small helpers

Invariants
    - Every condition is a named constant beside the rule that it mirrors. Tests break each clause
      of it in turn (`tests/mutants`) and hold it against its Python rule (`tests/property`).
    - A write without a response is never repeated here: it raises `OutcomeUnknown`. A refusal that
      changed nothing is repeated, and then raises `Throttled`.
    - A stale counter is one word: `freshness` is "stale", "current" or "ahead" of a policy.
"""
