"""Budgets: what the administrator of a tenant may spend, and the changes to it.

Model
    A budget is a limit on one subject, in one unit, over one kind of period. All budgets and the
    token cap of a subject are one item, the policy, with a `version` that every change increases. A
    list of budgets says on which subject each budget is. A budget on `agent:*` is a default: each
    agent has its own counter under it.

    create          a new budget
    put             create or change a budget under its slug
    change          change, pause, resume, disable, enable or delete a budget
    read            one budget, a list of budgets, a balance
    balance_lists   pages of balances: under a default, of a tenant
    balances        every current balance of a tenant, for metrics
    credit          a top-up or refund of the current period
    opening         what a budget starts with: spend of before, or of the budget that it replaces
    increase_requests  open, list and expire requests for more; `decisions` approves and denies
    token_caps      the most tokens that one request of a subject may have
    policy_writes   the writes that create, change and token_caps have in common

Invariants
    - A change is one transaction: the policy, every counter that a reserve with the old policy can
      still reach, the list of budgets, and the event if the change pauses or resumes the budget.
    - It is conditional on the policy being as it was read; if another change came first, it is
      built again (`store.retrying.CHANGE_TRIES_MAX`), then refused with `budget_changed`.
    - So a lower limit or a pause on one subject takes effect at once. A change to a default takes
      effect when cached policies expire, within 5 s.
    - Creations and credits happen once under an idempotency key: its record is written in the same
      transaction, and a replay gets the first response.
    - A request for more is decided once; the approval and its credit are one transaction.
    - Deleting a budget keeps its counters, its ledger and its statements.

Cost
    In write units, all of them transactional (2 each):
    a change: 2 for the policy, 2 for the entry of the change log (per KB), 2 for each counter in
    reach (1 or 2 per budget of the subject), 2 for each row that is added to a list or removed and
    for each slug that is given or taken, 2 for an event. A change to a default: 4.
    A credit: 2 each for the counter, the ledger item, the entry of the change log and the
    idempotency record (if any), and 2 for the check of the policy. A change that changes nothing
    writes nothing.

Boundaries
    Whether a request is granted is decided in `reservations`. Periods are closed in `periods`. The
    ledger and the statements of a budget are read in `reports`, and audited in `audit`.
"""
