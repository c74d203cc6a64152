"""Read one budget, a list of budgets, or a balance.

The policy item of a subject holds its budgets. The list of budgets says which subject a budget is
on, and has a tenant's budgets in the order of their creation.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, Policy, counted_subject
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.claims import read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged, Throttled
from spendgate_service.store.listings import listed, start_of
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.policies import Located, find_budget, read_policy, read_policy_of
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows
from spendgate_service.wire.budgets import BudgetResponse, budget_response

_BUDGET_ID = re.compile(r"bud_[0-9a-z]{26}")


@dataclass(frozen=True, slots=True)
class StoredBudget:
    """A budget, and the version of the policy that it is a part of.

    `balance` is that of the current period; None for a default, which has one for each subject.
    `warnings` are about a creation or a change of the period, and `replaces` are the balances whose
    spent or held amounts it leaves behind.
    """

    budget: Budget
    version: int
    balance: Balance | None
    warnings: tuple[str, ...] = ()
    replaces: tuple[Balance, ...] = ()


def stored_budget_response(stored: StoredBudget) -> BudgetResponse:
    """Build the response about a stored budget."""
    return budget_response(
        stored.budget,
        version=stored.version,
        balance=stored.balance,
        warnings=stored.warnings,
        replaces=stored.replaces,
    )


def read_budget(table: Table, tenant_id: str, budget_id: str, *, now_ms: int) -> StoredBudget:
    """Read one budget consistently. Raises NotFound."""
    found = _with_balances(
        table, tenant_id, lambda: [find_budget(table, tenant_id, budget_id)], now_ms=now_ms
    )
    return found[0]


def list_budgets(
    table: Table,
    tenant_id: str,
    page_request: PageRequest,
    *,
    subject: Subject | None = None,
    now_ms: int,
) -> Page[StoredBudget]:
    """Read a page of the tenant's budgets, or of one subject's, in the order of their creation.

    At most three rounds of reads for any limit. Raises InvalidValue for a foreign cursor.
    """
    if subject is None:
        partition = keys.budget_directory_partition(tenant_id)
        rows = listed(table, partition, page_request, pattern=_BUDGET_ID)
        ids = [(row["sk"]["S"], parse_subject(row["subject"]["S"])) for row in rows]
    else:
        after = start_of(page_request, _BUDGET_ID)
        own = read_policy_of(table, tenant_id, subject)
        own_ids = sorted(budget.budget_id for budget in own.budgets)
        ids = [(budget_id, subject) for budget_id in own_ids if budget_id > after]
    page = page_request.page_of(ids, lambda listed_id: listed_id[0])
    found = _with_balances(
        table, tenant_id, lambda: locate(table, tenant_id, page.data), now_ms=now_ms
    )
    return Page(tuple(found), page.next_cursor)


def read_balance(
    table: Table, tenant_id: str, budget_id: str, subject: Subject | None, *, now_ms: int
) -> Balance:
    """Read the balance of the current period: for a default, that of the given subject.

    Raises NotFound, and InvalidValue if the budget does not count that subject.
    """
    windows = Windows(table)

    def read() -> Balance:
        policy, budget = find_budget(table, tenant_id, budget_id)
        counted = counted_subject(budget.subject, subject)
        counter = windows.counter_claim(tenant_id, budget, counted, policy.version, now_ms=now_ms)
        return read_balances(table, [counter], now_ms=now_ms)[0]

    return with_unchanged_policies(read)


def locate(table: Table, tenant_id: str, ids: Sequence[tuple[str, Subject]]) -> list[Located]:
    """Read the budgets that still exist, in the order given. A read per 100 subjects."""
    subjects = {keys.policy_key(tenant_id, subject): subject for _, subject in ids}
    read = table.get_many([values.key(key) for key in subjects], consistent=True)
    policies = {
        subject: read_policy(subject, item)
        for item in read
        for subject in (subjects[keys.read_key(item)],)
    }
    found = []
    for budget_id, subject in ids:
        policy = policies.get(subject, Policy(subject))
        budget = policy.budget(budget_id)
        if budget is not None:
            found.append((policy, budget))
    return found


def _with_balances(
    table: Table, tenant_id: str, locate: Callable[[], Sequence[Located]], *, now_ms: int
) -> list[StoredBudget]:
    windows = Windows(table)

    def read() -> list[StoredBudget]:
        found = locate()
        counters = {
            budget.budget_id: windows.counter_claim(
                tenant_id, budget, budget.subject, policy.version, now_ms=now_ms
            )
            for policy, budget in found
            if not budget.subject.is_default
        }
        read = read_balances(table, list(counters.values()), now_ms=now_ms)
        balances = dict(zip(counters, read, strict=True))
        return [
            StoredBudget(budget, policy.version, balances.get(budget.budget_id))
            for policy, budget in found
        ]

    return with_unchanged_policies(read)


def with_unchanged_policies[T](read: Callable[[], T]) -> T:
    """Read again if a policy changes between the read of it and that of its counters."""
    changing = "these budgets are being changed right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        try:
            return read()
        except PolicyChanged:
            continue
    raise LoopEnded
