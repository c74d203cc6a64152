"""Open holds: what a worker that has died left behind."""

from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.parameters import OLDER_THAN, STATE, SUBJECT
from spendgate_service.api.route import ADMIN_READER, route, routes_in
from spendgate_service.reservations.open_holds import list_open_holds
from spendgate_service.wire.pages import PageResponse, page_response
from spendgate_service.wire.reservations import ReservationResponse, reservation_response


@route(
    "GET /v1/reservations",
    role=ADMIN_READER,
    response=PageResponse[ReservationResponse],
    query=(STATE, SUBJECT, OLDER_THAN),
    paged=True,
)
def list_holds(request: Request) -> Response:
    """List the open holds that last longer than ten minutes or were extended, oldest first.

    Shorter ones end by themselves. An admin may release any of them, if it is certain that nothing
    was spent. With a filter a page may have fewer than its limit; `next_cursor` says whether there
    are more.
    """
    request.query_value(STATE)
    page = list_open_holds(
        request.app.table,
        request.tenant_id,
        request.page(),
        subject=request.subject(),
        older_than_seconds=request.query_value(OLDER_THAN) or 0,
        now_ms=request.now_ms,
    )
    shown = [reservation_response(hold, now_ms=request.now_ms) for hold in page.data]
    return ok(page_response(shown, next_cursor=page.next_cursor))


ROUTES = routes_in(vars())
