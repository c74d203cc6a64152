"""Tenants and their API keys: who may call, and the settings of an organisation.

Model
    A tenant is one organisation and the isolation boundary: its id is part of every key of the
    table. Its item has its settings: whether a request needs a budget, rates between units, prices
    that override the built-in table. An API key acts for one tenant in one role (admin, caller or
    reader). The operator belongs to no tenant, and creates tenants.

    tenants     create, read, list and change tenants
    api_keys    create, list, rotate and revoke API keys
    bearers     verify API keys
    change_log  read what admins and operators have changed
    __main__    the command: creates and revokes operator keys, creates keys of tenants

Invariants
    - The tenant of a request comes from its API key, never from its body.
    - A key is `sg.<tenant>.<key id>.<secret>`. The table has a SHA-256 hash of the secret. The
      response that creates or rotates the key is the only place where the secret appears.
    - A rotation changes the secret alone: the key id, and so its budgets, stay. An older secret is
      valid until its grace ends.
    - A function refuses a key from its `expires_at` on, by the moment in the authorizer's context.
    - A tenant is created together with its first admin key, and always has an admin key that does
      not expire: the last one cannot be revoked. If it is lost, the operator or the command creates
      another one.
    - Settings are replaced on condition that they are as they were read.

Cost
    In write units, with the entries of the change log: a tenant 8 (four items in one transaction;
    10 with an idempotency key), a key 4 (6 with an idempotency key), a change of settings 2 per KB
    and 2 for the entry, a revocation 4 (6 for an admin key, whose transaction checks that another
    one remains). Verifying a key: one consistent read, which API Gateway caches for up to a minute;
    so a revoked key may work that long.

Boundaries
    What a role may do is declared on each route (`api`). Policies and settings are cached for the
    spending path in `store/policy_cache.py`: a change takes effect there within seconds.
"""
