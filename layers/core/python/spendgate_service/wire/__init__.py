"""What callers read: a TypedDict and its builder for each response and each event.

A field is declared once, with its type and description (`fields.Doc`). The type checker holds the
builder to it; `json_schema` derives the OpenAPI document and the schema of the events from it.

    reservations, check, allowance, hints, alternatives   responses to who spends
    budgets, balances, periods, credits, token_caps       a budget and how much is left of it
    ledger, statements, audit                             the books of a budget
    usage, spend, refusals                                what was spent, and what was refused
    increase_requests, notifications, changes             who asked, who was notified, what changed
    tenants, keys, prices, rates                          a tenant and its settings
    events, budget_events                                 what EventBridge gets
    errors                                                the one form of every error
    openmetrics                                           the text of GET /v1/metrics
    values, pages, fields, json_schema                    what the others are made of

Builders are pure: they get objects of `domain` and the time, and read nothing.
"""
