"""Token caps: how many tokens one request may have, of a subject or by default of its type."""

from spendgate_service.api.bodies.administration import TokenCapBody
from spendgate_service.api.bodies.budgets import check_own_organization
from spendgate_service.api.http import Request
from spendgate_service.api.query import refuse
from spendgate_service.budgets import token_caps
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.subjects import Subject, make_subject
from spendgate_service.wire.token_caps import token_cap_response
from spendgate_service.wire.values import Response, ok


def read_token_cap(request: Request) -> Response:
    """Show the cap that is laid down for that very subject."""
    subject = _subject(request)
    cap = token_caps.read_token_cap(request.app.table, request.tenant_id, subject)
    return ok(token_cap_response(subject, cap))


def put_token_cap(request: Request) -> Response:
    """Lay down a cap in the place of what was there."""
    subject, cap = _subject(request), request.body(TokenCapBody).to_token_cap()
    check_own_organization(subject, tenant_id=request.tenant_id, param="path.id")
    token_caps.put_token_cap(
        request.app.table, request.tenant_id, subject, cap, now_ms=request.now_ms
    )
    return ok(token_cap_response(subject, cap))


def delete_token_cap(request: Request) -> Response:
    """Take a cap away, and show it for the last time."""
    subject = _subject(request)
    last = token_caps.delete_token_cap(
        request.app.table, request.tenant_id, subject, now_ms=request.now_ms
    )
    return ok(token_cap_response(subject, last))


def _subject(request: Request) -> Subject:
    try:
        return make_subject(request.path_text("type"), request.path_text("id"))
    except InvalidValue as error:
        if error.param is not None:
            raise
        refuse("path", str(error))


HANDLERS = {
    "GET /v1/token-caps/{type}/{id+}": read_token_cap,
    "PUT /v1/token-caps/{type}/{id+}": put_token_cap,
    "DELETE /v1/token-caps/{type}/{id+}": delete_token_cap,
}
