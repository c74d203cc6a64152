"""Reports: what was spent. The ledger, the statements of closed periods, and the export.

Model
    Every debit, credit and carry-over is a ledger entry, which never changes; the entries of one
    batch on one budget and subject share an item. When a period is closed, its statement says what
    it came to; if something changes later, a further statement with the next revision replaces it.

    ledger       a page of the ledger of a budget and subject, newest first
    statements   a page of the statements of a budget and subject, newest first
    export       the ledger of a whole tenant for a span of time, in parts of any size
    refusals     a page of refusals, newest first, by minute, budget, subject and code

Invariants
    - Reports only read, and consistently, apart from the index that lists the subjects of a
      default: it follows the table within moments.
    - A cursor stays valid while entries are added; new entries do not move the pages that follow.
    - An export yields every entry of its span once, in a stable order, across any number of
      requests, also while budgets are deleted and periods end.
    - Deleted budgets stay readable as long as their ledger is retained.

Cost
    No write units. Read units are those of the items on the page.

Boundaries
    Entries are written in `settlements`, `periods` and `budgets` through `store/postings.py`;
    statements in `periods`. CSV and JSON Lines are formats of the API: `api/export.py`.
"""
