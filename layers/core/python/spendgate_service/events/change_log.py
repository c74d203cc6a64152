"""Write entries of the change log: each is a write for the transaction of the change itself."""

from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.changes import Action, Author, Change, field_changes
from spendgate_service.domain.subjects import Subject
from spendgate_service.store.changes import ID_PREFIX, put_of_change
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_id
from spendgate_service.wire.changes import Shown, budget_fields, change_response
from spendgate_service.wire.values import json_text


@dataclass(frozen=True, slots=True)
class Changed:
    """An object before and after a change, by the fields that the log compares; None: absent.

    A change to a budget, and no other, names the subject that it is about.
    """

    action: Action
    about: str
    before: Shown | None
    after: Shown | None
    subject: Subject | None = None


def change_entry(
    table: Table, tenant_id: str, by: Author, changed: Changed, *, now_ms: int
) -> dict[str, Any]:
    """Build the write of the entry of a change."""
    fields = field_changes(changed.before, changed.after)
    change_id = new_id(ID_PREFIX, now_ms=now_ms)
    change = Change(change_id, now_ms, by, changed.action, changed.about, fields)
    response = json_text(change_response(change))
    return put_of_change(table, tenant_id, change, response=response, subject=changed.subject)


def budget_entry(  # noqa: PLR0913 (the change, its author, and what it starts with)
    table: Table,
    tenant_id: str,
    by: Author,
    action: Action,
    before: Budget | None,
    after: Budget | None,
    *,
    opening_spent: Amount = 0,
    now_ms: int,
) -> dict[str, Any]:
    """Build the write of the entry of a changed budget, which is also the event of it."""
    budget = after or before
    assert budget is not None
    changed = Changed(
        action,
        budget.budget_id,
        budget_fields(before),
        budget_fields(after, opening_spent=opening_spent),
        subject=budget.subject,
    )
    return change_entry(table, tenant_id, by, changed, now_ms=now_ms)
