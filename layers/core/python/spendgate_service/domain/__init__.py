"""The pure rules: standard library only, no clock (`now_ms` is an argument), no I/O.

What is said once and for all
    amounts, currencies, subjects, periods, calendar, clocks, wording, errors

Budgets and what they grant
    budgets       budgets, the policy of a subject, and which budgets apply to a request
    counters      the amounts of one budget, subject and period; `balances` show them at a time
    hold_buckets  holds that expire at about the same time share a bucket of a counter
    decisions     whether one budget grants a claim, and the result for a whole request
    partial       the most of a refused request that would be granted; `fitting` for a usage
    caps          the most tokens that one request may have
    budgeted      subjects and units that no budget counts
    thresholds    which levels of a balance produce an event; `forecast` says when it runs out

Spending
    requests      what callers ask for
    reservations  what is held; `settlements` says which changes of it are allowed
    captures      which calls explain what a lease has spent
    occurrence    when a reported spend occurred
    prices        what a usage costs; `model_usage` has its kinds, `rates` convert between units

The books
    ledger, statements, usage_records, usage_days, usage_report, rollups, refusals, audit

People
    tenants, changes, preconditions, increase_requests, notifications, receivers
"""
