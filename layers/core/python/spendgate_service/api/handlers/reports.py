"""Reports on budgets: balances, ledgers, statements, audits and the export of the ledger."""

from dataclasses import dataclass

from spendgate_service.api.export import EXPORT_FORMATS, ExportQuery, ledger_part
from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.parameters import (
    CURSOR,
    FORMAT,
    FROM,
    LIMIT,
    ROWS_MAX,
    SORT,
    STATUS,
    SUBJECT,
    TO,
)
from spendgate_service.api.route import ADMIN_READER, APPROVER_READER, route, routes_in
from spendgate_service.audit.books import Audited, audit_books
from spendgate_service.budgets import balance_lists
from spendgate_service.budgets import read as budgets
from spendgate_service.budgets.balances import current_balances
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import counted_subject
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.subjects import MODEL
from spendgate_service.domain.usage_report import PROVIDER, usage_of_day
from spendgate_service.reports.export import export_ledger
from spendgate_service.reports.ledger import ledger_page
from spendgate_service.reports.statements import find_statements_of, statements_page
from spendgate_service.store.listings import find_listed
from spendgate_service.store.paging import Page
from spendgate_service.store.policies import find_budget
from spendgate_service.usage.report import report_page
from spendgate_service.wire.audit import AuditResponse, audit_response
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.ledger import LedgerEntryResponse, ledger_entry_response
from spendgate_service.wire.openmetrics import CONTENT_TYPE, openmetrics_text
from spendgate_service.wire.pages import PageResponse, page_response
from spendgate_service.wire.statements import StatementResponse, statement_response

AUDITED_ENTRIES_MAX = 100_000
"""How many ledger entries one request may compare: about ten of the function's fifteen seconds.
Without a limit a reader could keep functions busy until they time out."""


@dataclass(slots=True)
class _Allowance:
    """How many more entries an audit may read."""

    left: int

    def take(self, _entry: LedgerEntry) -> None:
        """Take one entry. Raises InvalidValue if none is left."""
        self.left -= 1
        if self.left < 0:
            raise InvalidValue(
                f"one request compares at most {AUDITED_ENTRIES_MAX} entries of the ledger; "
                "send a smaller limit, or audit the whole table: python -m spendgate_service.audit",
                param="query.limit",
            )


@route(
    "GET /v1/budgets/{id}/balance", role=APPROVER_READER, response=BalanceResponse, query=(SUBJECT,)
)
def read_balance(request: Request) -> Response:
    """Show the balance of a budget; of a default, that of one subject."""
    budget_id, tenant_id = request.path_id("budget"), request.tenant_id
    balance = budgets.read_balance(
        request.app.table, tenant_id, budget_id, request.subject(), now_ms=request.now_ms
    )
    return ok(balance_response(balance))


@route(
    "GET /v1/budgets/{id}/balances",
    role=APPROVER_READER,
    response=PageResponse[BalanceResponse],
    query=(STATUS, SORT),
    paged=True,
)
def list_balances(request: Request) -> Response:
    """List the balances of a budget: of a default, those of every subject that has used it.

    With `status` a page may have fewer than its limit; `next_cursor` says whether there are more.
    """
    budget_id, status = request.path_id("budget"), request.query_value(STATUS)
    read = (
        balance_lists.list_balances_by_utilization
        if request.query_value(SORT)
        else balance_lists.list_balances
    )
    page = read(
        request.app.table, request.tenant_id, budget_id, request.page(), status=status,
        now_ms=request.now_ms,
    )  # fmt: skip
    return _balances(page)


@route(
    "GET /v1/balances",
    role=APPROVER_READER,
    response=PageResponse[BalanceResponse],
    query=(STATUS,),
    paged=True,
)
def list_tenants_balances(request: Request) -> Response:
    """List the balances of all budgets, budget by budget.

    With `status` a page may have fewer than its limit; `next_cursor` says whether there are more.
    """
    page = balance_lists.list_tenants_balances(
        request.app.table, request.tenant_id, request.page(), status=request.query_value(STATUS),
        now_ms=request.now_ms,
    )  # fmt: skip
    return _balances(page)


def _balances(page: Page[Balance]) -> Response:
    shown = [balance_response(balance) for balance in page.data]
    return ok(page_response(shown, next_cursor=page.next_cursor))


@route(
    "GET /v1/budgets/{id}/ledger",
    role=APPROVER_READER,
    response=PageResponse[LedgerEntryResponse],
    query=(SUBJECT,),
    paged=True,
)
def read_ledger(request: Request) -> Response:
    """List the ledger of a budget, newest first; of a default, that of one subject."""
    budget_id, tenant_id = request.path_id("budget"), request.tenant_id
    wanted, asked = request.page(), request.subject()
    subject = counted_subject(find_listed(request.app.table, tenant_id, budget_id).subject, asked)
    page = ledger_page(
        request.app.table, tenant_id, budget_id, subject, wanted, now_ms=request.now_ms
    )
    return ok(
        page_response(
            [ledger_entry_response(entry) for entry in page.data], next_cursor=page.next_cursor
        )
    )


@route(
    "GET /v1/budgets/{id}/statements",
    role=APPROVER_READER,
    response=PageResponse[StatementResponse],
    query=(SUBJECT,),
    paged=True,
)
def read_statements(request: Request) -> Response:
    """List the statements of the closed periods of a budget, newest first."""
    budget_id, tenant_id = request.path_id("budget"), request.tenant_id
    wanted, asked = request.page(), request.subject()
    budget = find_statements_of(request.app.table, tenant_id, budget_id)
    subject = counted_subject(budget.subject, asked)
    page = statements_page(request.app.table, tenant_id, budget, subject, wanted)
    return ok(
        page_response(
            [statement_response(statement) for statement in page.data], next_cursor=page.next_cursor
        )
    )


@route(
    "GET /v1/budgets/{id}/audit",
    role=ADMIN_READER,
    response=AuditResponse,
    query=(SUBJECT, LIMIT, CURSOR),
)
def audit_budget(request: Request) -> Response:
    """Compare every counter of a budget with its ledger and the usage log; list the differences."""
    budget_id, tenant_id = request.path_id("budget"), request.tenant_id
    wanted, asked = request.page(), request.subject()
    _, budget = find_budget(request.app.table, tenant_id, budget_id)
    subject = None if asked is None else counted_subject(budget.subject, asked)
    found = audit_books(
        request.app.table,
        tenant_id,
        Audited(budget, subject, wanted),
        now_ms=request.now_ms,
        pool=request.app.budgets_pool,
        note=_Allowance(AUDITED_ENTRIES_MAX).take,
    )
    return ok(audit_response(budget_id, found))


@route(
    "GET /v1/export/ledger",
    role=ADMIN_READER,
    response=str,
    query=(FROM, TO, FORMAT, CURSOR),
    media_types=("text/csv", "application/jsonl"),
    headers=("X-Next-Cursor", "Link"),
)
def export_tenant_ledger(request: Request) -> Response:
    """Export the tenant's ledger from one moment to another, by budget and then by time.

    It continues at X-Next-Cursor; a part may have no entries and still continue.
    """
    query = request.query()
    asked = ExportQuery.read(query, now_ms=request.now_ms)
    steps = export_ledger(request.app.table, request.tenant_id, asked.span, start=asked.start)
    return ledger_part(steps, asked).response(
        "/v1/export/ledger", {"format": asked.format}, EXPORT_FORMATS[asked.format]
    )


@route(
    "GET /v1/metrics",
    role=ADMIN_READER,
    response=str,
    media_types=("application/openmetrics-text",),
)
def read_metrics(request: Request) -> Response:
    """Show every current balance, and today's spend by model, as gauges for Prometheus."""
    found = current_balances(request.app.table, request.tenant_id, now_ms=request.now_ms)
    today = report_page(
        request.app.table,
        request.tenant_id,
        usage_of_day(request.now_ms, group_by=(PROVIDER, MODEL)),
        limit=ROWS_MAX,
        pool=request.app.budgets_pool,
    )
    text = openmetrics_text(
        found.balances, today.rows, complete=found.complete and today.last is None
    )
    return Response(200, text, content_type=CONTENT_TYPE)


ROUTES = routes_in(vars())
