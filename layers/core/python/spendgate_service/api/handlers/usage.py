"""The usage log: totals, records, reversal and export; and what was refused."""

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.usage import ReverseBody
from spendgate_service.api.http import Request, Response, created, ok, replayed
from spendgate_service.api.parameters import (
    CURSOR,
    FILTERS,
    FROM,
    GROUP_BY,
    INTERVAL,
    RECORDS_FROM,
    REFUSED_FROM,
    REFUSED_TO,
    RESERVATION,
    ROWS,
    SPAN_FROM,
    SPAN_TO,
    SUBJECT,
    TIMEZONE,
    TO,
    USAGE_FORMAT,
)
from spendgate_service.api.route import ADMIN, APPROVER_READER, route, routes_in
from spendgate_service.api.usage_export import USAGE_FORMATS, UsageExportQuery, usage_part
from spendgate_service.api.usage_query import (
    read_export_filter,
    read_records_query,
    read_refusals_span,
    read_report_query,
    report_position,
)
from spendgate_service.reports.refusals import refusals_page
from spendgate_service.store.paging import cursor_after
from spendgate_service.usage.export import export_usage
from spendgate_service.usage.records import records_page
from spendgate_service.usage.report import report_page
from spendgate_service.usage.reverse import reverse
from spendgate_service.wire.pages import PageResponse, page_response
from spendgate_service.wire.refusals import RefusalsResponse, refusals_response
from spendgate_service.wire.usage import (
    UsageRecordResponse,
    UsageRowResponse,
    usage_record_response,
    usage_row_response,
)


@route(
    "GET /v1/usage",
    role=APPROVER_READER,
    response=PageResponse[UsageRowResponse],
    query=(SPAN_FROM, SPAN_TO, GROUP_BY, INTERVAL, TIMEZONE, FILTERS, ROWS, CURSOR),
)
def read_usage_totals(request: Request) -> Response:
    """Show what was spent, by group and interval: each spend once, however many budgets it touched.

    A spend belongs to the interval in which it occurred; that of a reservation, in which it was
    reserved. Sessions and metadata are known for at most 31 days at once.
    """
    asked, names, limit, place = read_report_query(
        request.query(), tenant_id=request.tenant_id, now_ms=request.now_ms
    )
    page = report_page(
        request.app.table,
        request.tenant_id,
        asked,
        limit=limit,
        after=place,
        pool=request.app.budgets_pool,
        remembered=request.app.remembered_days,
    )
    cursor = cursor_after(report_position(asked, page.last)) if page.last else None
    rows = [usage_row_response(row, names) for row in page.rows]
    return ok(page_response(rows, next_cursor=cursor))


@route(
    "GET /v1/usage/records",
    role=APPROVER_READER,
    response=PageResponse[UsageRecordResponse],
    query=(RECORDS_FROM, SPAN_TO, TIMEZONE, RESERVATION, FILTERS),
    paged=True,
)
def list_usage_records(request: Request) -> Response:
    """List the records of the usage log, newest first: by UTC day, then by when recorded.

    A page may be shorter than its limit and still continue.
    """
    asked = read_records_query(
        request.query(),
        reservation_id=request.query_value(RESERVATION),
        tenant_id=request.tenant_id,
        now_ms=request.now_ms,
    )
    page = records_page(request.app.table, request.tenant_id, asked, request.page())
    return ok(
        page_response(list(map(usage_record_response, page.data)), next_cursor=page.next_cursor)
    )


@route(
    "POST /v1/usage/{id}/reverse",
    role=ADMIN,
    body=ReverseBody,
    response=UsageRecordResponse,
    status=201,
    repeatable=True,
)
def reverse_usage(request: Request[ReverseBody]) -> Response:
    """Undo a spend on every budget that counted it, once; again: the first response.

    Closed periods get a further statement, and what they carry over changes. The response is the
    record of the reversal, with negative amounts.
    """
    record_id, body = request.path_id("usage record"), request.read_body()
    result = reverse(
        request.app.table,
        request.tenant_id,
        record_id,
        body.reason,
        by=author_of(request),
        now_ms=request.now_ms,
        threshold_events=request.app.threshold_events,
    )
    response = usage_record_response(result.record)
    return replayed(response) if result.replayed else created(response)


@route(
    "GET /v1/export/usage",
    role=APPROVER_READER,
    response=str,
    query=(FROM, TO, USAGE_FORMAT, FILTERS, CURSOR),
    media_types=("text/csv", "application/jsonl"),
    headers=("X-Next-Cursor", "Link"),
)
def export_tenant_usage(request: Request) -> Response:
    """Export the usage log from one moment to another: each spend once.

    It continues at X-Next-Cursor; a part may have no records and still continue.
    """
    query = request.query()
    asked = UsageExportQuery.read(query, now_ms=request.now_ms)
    steps = export_usage(
        request.app.table,
        request.tenant_id,
        read_export_filter(query, tenant_id=request.tenant_id),
        from_ms=asked.span.from_ms,
        to_ms=asked.span.to_ms,
        start=asked.start,
    )
    part = usage_part(steps, asked, tenant_id=request.tenant_id)
    kept = {name: value for name, value in query.items() if name not in {"from", "to"}}
    return part.response(
        "/v1/export/usage", {**kept, "format": asked.format}, USAGE_FORMATS[asked.format]
    )


@route(
    "GET /v1/refusals",
    role=APPROVER_READER,
    response=PageResponse[RefusalsResponse],
    query=(REFUSED_FROM, REFUSED_TO, SUBJECT),
    paged=True,
)
def list_refusals(request: Request) -> Response:
    """List refused reservations by minute, budget, subject and code, newest first.

    The counts are a lower bound: each environment writes them once a minute at most. Refusals are
    kept for 35 days.
    """
    subject = request.subject()
    first, last = read_refusals_span(request.query(), now_ms=request.now_ms)
    page = refusals_page(
        request.app.table,
        request.tenant_id,
        request.page(),
        first=first,
        last=last,
        subject=str(subject) if subject else None,
    )
    return ok(page_response(list(map(refusals_response, page.data)), next_cursor=page.next_cursor))


ROUTES = routes_in(vars())
