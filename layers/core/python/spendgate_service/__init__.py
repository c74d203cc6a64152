"""Spendgate: a budget authority that grants before money is spent and settles afterwards.

The map; imports run downwards only (`tests/unit/test_layers.py` holds this):

    app               the composition root: the service over one table
    api               HTTP and the queue: requests, routes, bodies, handlers, errors, OpenAPI

    reservations      reserve, check, extend, find: holds on every budget that applies
    settlements       settle, release, record: a batch of commands in one transaction
    periods           close the periods that have ended: statements and carry-over
    budgets           create, change, read and credit budgets; token caps
    usage             what was spent, by every measure; undo a spend
    tenants           tenants and their API keys
    notifications     messages about events, to chats and webhooks
    reports           statements, the export of the ledger, and refusals
    audit             compare every counter with its ledger

    events            threshold events, the change log, and publishing to EventBridge
    dead_letters      the dead-letter queues: send, list, redrive
    store             the table: one module per kind of item
    wire              what callers read: a type and a builder per response
    pricing           the usage of a model, in tokens and in money
    domain            the rules: no clock, no I/O, standard library only

    settings, clock, cache, metrics, observability, terminal

No capability (the second group) imports another. Each folder's docstring has its model, its
invariants, its cost in write units and its boundaries.
"""

import gc
import os

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
"""More than a start makes; a request leaves about ten that only a collection removes."""

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # What a function imports stays. Looking through it for garbage again and again while it grows
    # is a tenth of a cold start, so this stands in the module that is imported before all others.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
