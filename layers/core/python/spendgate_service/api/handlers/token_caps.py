"""Token caps: how many tokens one request may have, of a subject or by default of its type."""

from collections.abc import Callable

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.administration import TokenCapBody
from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.query import refuse
from spendgate_service.api.route import ADMIN, ADMIN_READER, TAG, route, routes_in
from spendgate_service.api.tags import content_tag, precondition_of, tagged
from spendgate_service.budgets import token_caps
from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.subjects import Subject, check_own_organization, make_subject
from spendgate_service.store.token_caps import list_caps
from spendgate_service.wire.pages import PageResponse, page_response
from spendgate_service.wire.token_caps import TokenCapResponse, token_cap_response


@route("GET /v1/token-caps", role=ADMIN_READER, response=PageResponse[TokenCapResponse], paged=True)
def list_token_caps(request: Request) -> Response:
    """List the token caps, by subject."""
    page = list_caps(request.app.table, request.tenant_id, request.page())
    shown = [token_cap_response(subject, cap) for subject, cap in page.data]
    return ok(page_response(shown, next_cursor=page.next_cursor))


@route(
    "GET /v1/token-caps/{type}/{id+}",
    role=ADMIN_READER,
    response=TokenCapResponse,
    headers=TAG,
)
def read_token_cap(request: Request) -> Response:
    """Show the token cap of a subject, or with * that of its type."""
    subject = _subject(request)
    cap = token_caps.read_token_cap(request.app.table, request.tenant_id, subject)
    return _shown(subject, cap)


@route(
    "PUT /v1/token-caps/{type}/{id+}",
    role=ADMIN,
    body=TokenCapBody,
    response=TokenCapResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def put_token_cap(request: Request[TokenCapBody]) -> Response:
    """Cap the tokens of one request of a subject, or with * of its type."""
    subject, cap = _subject(request), request.read_body().to_token_cap()
    token_caps.put_token_cap(
        request.app.table,
        request.tenant_id,
        subject,
        cap,
        check=_check(request, subject),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _shown(subject, cap)


@route(
    "DELETE /v1/token-caps/{type}/{id+}",
    role=ADMIN,
    response=TokenCapResponse,
    errors=("budget_changed",),
    conditional=True,
    headers=TAG,
)
def delete_token_cap(request: Request) -> Response:
    """Delete a token cap."""
    subject = _subject(request)
    last = token_caps.delete_token_cap(
        request.app.table,
        request.tenant_id,
        subject,
        check=_check(request, subject),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _shown(subject, last)


def _shown(subject: Subject, cap: TokenCap) -> Response:
    return tagged(ok(token_cap_response(subject, cap)), _tag(subject, cap))


def _tag(subject: Subject, cap: TokenCap) -> str:
    return content_tag(token_cap_response(subject, cap))


def _check(request: Request, subject: Subject) -> Callable[[TokenCap | None], None]:
    """Return the check that the cap is as the caller has read it."""
    precondition = precondition_of(request)

    def check(cap: TokenCap | None) -> None:
        tag = None if cap is None else _tag(subject, cap)
        precondition.check(f"the token cap of {subject}", tag)

    return check


def _subject(request: Request) -> Subject:
    try:
        subject = make_subject(request.path_text("type"), request.path_text("id"))
    except InvalidValue as error:
        if error.param is not None:
            raise
        refuse("path", str(error))
    check_own_organization(subject, tenant_id=request.tenant_id, param="path.id")
    return subject


ROUTES = routes_in(vars())
