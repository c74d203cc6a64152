"""Read, set or delete a token cap: a part of its subject's policy, changed as budgets are."""

from collections.abc import Callable
from dataclasses import replace

from spendgate_service.budgets.policy_writes import try_to_write, writes_of_change
from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.changes import BY_COMMAND, Author
from spendgate_service.domain.errors import BudgetChanged, NotFound
from spendgate_service.domain.subjects import Subject
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.store.client import Table
from spendgate_service.store.policies import read_policy_of
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.token_caps import write_of_cap
from spendgate_service.wire.changes import token_cap_fields

type Check = Callable[[TokenCap | None], None]
"""Raises what forbids the change of a cap that is still like this; None: there is no cap."""


def _unchecked(_cap: TokenCap | None) -> None:
    """Forbid nothing."""


def read_token_cap(table: Table, tenant_id: str, subject: Subject) -> TokenCap:
    """Read the cap set for exactly this subject, consistently. Raises NotFound."""
    cap = read_policy_of(table, tenant_id, subject).token_cap
    if cap is None:
        raise NotFound("token cap for", str(subject))
    return cap


def put_token_cap(
    table: Table,
    tenant_id: str,
    subject: Subject,
    cap: TokenCap,
    *,
    check: Check = _unchecked,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> None:
    """Set or replace a cap; setting the same cap again writes nothing.

    Raises BudgetChanged, and what `check` raises of the cap as it was.
    """
    _replace(table, tenant_id, subject, cap, check=check, by=by, now_ms=now_ms)


def delete_token_cap(
    table: Table,
    tenant_id: str,
    subject: Subject,
    *,
    check: Check = _unchecked,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> TokenCap:
    """Delete a cap and return it as it was.

    Raises NotFound, BudgetChanged, and what `check` raises of the cap.
    """
    last = read_token_cap(table, tenant_id, subject)
    _replace(table, tenant_id, subject, None, check=check, by=by, now_ms=now_ms)
    return last


def _replace(
    table: Table,
    tenant_id: str,
    subject: Subject,
    cap: TokenCap | None,
    *,
    check: Check,
    by: Author,
    now_ms: int,
) -> None:
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: BudgetChanged(str(subject))):
        before = read_policy_of(table, tenant_id, subject)
        check(before.token_cap)
        if before.token_cap == cap:
            return
        after = replace(before, version=before.version + 1, token_cap=cap)
        writes = writes_of_change(table, tenant_id, before, after, now_ms=now_ms)
        entry = change_entry(
            table,
            tenant_id,
            by,
            Changed(
                "token_cap.deleted" if cap is None else "token_cap.set",
                f"token_cap:{subject}",
                token_cap_fields(subject, before.token_cap),
                token_cap_fields(subject, cap),
            ),
            now_ms=now_ms,
        )
        writes += [write_of_cap(table, tenant_id, subject, cap), entry]
        if not try_to_write(table, writes):
            return
    raise LoopEnded
