"""The change log: what admins and operators have changed."""

from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.moments import check_order, moment_ms
from spendgate_service.api.parameters import ACTOR, CHANGED_FROM, CHANGED_TO, OBJECT
from spendgate_service.api.route import CHANGE_READER, route, routes_in
from spendgate_service.store.changes import LAST_MOMENT_MS, ChangeFilter
from spendgate_service.tenants.change_log import list_changes as changes_of
from spendgate_service.wire.changes import ChangeResponse
from spendgate_service.wire.pages import PageResponse, page_response


@route(
    "GET /v1/changes",
    role=CHANGE_READER,
    response=PageResponse[ChangeResponse],
    query=(OBJECT, ACTOR, CHANGED_FROM, CHANGED_TO),
    paged=True,
)
def list_changes(request: Request) -> Response:
    """List what admins and operators have changed, newest first.

    With a filter a page may have fewer entries than its limit; `next_cursor` says whether there are
    more.
    """
    query = request.query()
    wanted = ChangeFilter(
        from_ms=moment_ms(query, "from", default=0),
        to_ms=moment_ms(query, "to", default=LAST_MOMENT_MS),
        about=request.query_value(OBJECT),
        actor=request.query_value(ACTOR),
    )
    check_order(from_ms=wanted.from_ms, to_ms=wanted.to_ms)
    page = changes_of(request.app.table, request.tenant_id, wanted, request.page())
    return ok(page_response(page.data, next_cursor=page.next_cursor))


ROUTES = routes_in(vars())
