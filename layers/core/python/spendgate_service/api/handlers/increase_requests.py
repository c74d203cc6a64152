"""Increase requests: callers ask for more, admins and approvers decide."""

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.fields import whole_seconds
from spendgate_service.api.bodies.increase_requests import (
    ApproveBody,
    CreateIncreaseRequestBody,
    DenyBody,
)
from spendgate_service.api.http import Request, Response, created, ok, replayed
from spendgate_service.api.idempotency import idempotency_record_of
from spendgate_service.api.parameters import REQUEST_STATE
from spendgate_service.api.route import APPROVER, CALLER, IDEMPOTENCY, READER, route, routes_in
from spendgate_service.budgets.decisions import Approval, approve, deny
from spendgate_service.budgets.increase_requests import (
    ID_PREFIX,
    Wish,
    list_requests,
    open_request,
    read_own_request,
)
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.increase_requests import IncreaseRequest
from spendgate_service.domain.subjects import API_KEY, Subject
from spendgate_service.store.idempotency import Replay
from spendgate_service.store.ids import new_id
from spendgate_service.store.increase_requests import RequestFilter
from spendgate_service.wire.increase_requests import (
    IncreaseRequestResponse,
    increase_request_response,
)
from spendgate_service.wire.pages import PageResponse, page_response

_KIND = "increase request"


@route(
    "POST /v1/increase-requests",
    role=CALLER,
    body=CreateIncreaseRequestBody,
    response=IncreaseRequestResponse,
    status=201,
    errors=(*IDEMPOTENCY, "request_pending", "not_found"),
    idempotent=True,
)
def create_increase_request(request: Request[CreateIncreaseRequestBody]) -> Response:
    """Ask for more on a budget.

    One request per budget, subject and key is pending at a time. It expires at `until`, or after a
    week.
    """
    body, caller = request.read_body(), request.principal
    subject = body.to_subject(tenant_id=request.tenant_id)
    opened = open_request(
        request.app.table,
        request.tenant_id,
        Wish(
            new_id(ID_PREFIX, now_ms=request.now_ms),
            _budget_id(request, body, subject),
            subject,
            body.amount,
            whole_seconds(body.until),
            body.reason,
            caller.key_id,
            caller.name,
        ),
        bound_to={**caller.subjects, API_KEY: caller.key_id} if caller.role == "caller" else {},
        idempotency=idempotency_record_of(request, "create_increase_request", body),
        now_ms=request.now_ms,
    )
    if isinstance(opened, Replay):
        return replayed(opened.answer)
    return created(_response(request, opened))


def _budget_id(request: Request, body: CreateIncreaseRequestBody, subject: Subject | None) -> str:
    """Return the budget that is meant: of several on the subject, the one with the least left."""
    if body.budget_id is not None:
        return body.budget_id
    assert subject is not None
    balances = [
        balance
        for balance in request.app.balances.of_subjects(request.tenant_id, [subject])
        if balance.budget.unit == body.unit and not balance.budget.is_shadow
    ]
    if not balances:
        raise InvalidValue(
            f"body.subject: no budget limits {subject} in {body.unit}, so there is nothing to "
            "increase",
            param="body.subject",
        )
    tightest = min(
        balances, key=lambda balance: balance.counter.grantable_at(now_ms=balance.now_ms)
    )
    return tightest.budget.budget_id


@route(
    "GET /v1/increase-requests",
    role=READER,
    response=PageResponse[IncreaseRequestResponse],
    query=(REQUEST_STATE,),
    paged=True,
)
def list_increase_requests(request: Request) -> Response:
    """List increase requests, newest first: all, or those of the key itself for a caller.

    With a filter a page may have fewer than its limit; `next_cursor` says whether there are more.
    """
    page = list_requests(
        request.app.table,
        request.tenant_id,
        RequestFilter(request.query_value(REQUEST_STATE), _own_key(request)),
        request.page(),
        now_ms=request.now_ms,
    )
    shown = [_response(request, asked) for asked in page.data]
    return ok(page_response(shown, next_cursor=page.next_cursor))


@route("GET /v1/increase-requests/{id}", role=READER, response=IncreaseRequestResponse)
def read_increase_request(request: Request) -> Response:
    """Show one increase request; a caller sees those of its own key."""
    request_id = request.path_id(_KIND)
    asked = read_own_request(
        request.app.table, request.tenant_id, request_id, of_key=_own_key(request)
    )
    return ok(_response(request, asked))


@route(
    "POST /v1/increase-requests/{id}/approve",
    role=APPROVER,
    body=ApproveBody,
    response=IncreaseRequestResponse,
    errors=(*IDEMPOTENCY, "request_closed"),
    idempotent=True,
)
def approve_increase_request(request: Request[ApproveBody]) -> Response:
    """Approve a pending request: its budget is credited, once, with the end that is named.

    Not with the key that asked. An approver's key approves at most its `max_amount`.
    """
    request_id, body = request.path_id(_KIND), request.read_body()
    approved = approve(
        request.app.table,
        request.tenant_id,
        request_id,
        Approval(
            body.amount,
            whole_seconds(body.until),
            has_own_end="until" in body.model_fields_set,
            note=body.note,
            amount_max=request.principal.max_amount,
        ),
        idempotency=idempotency_record_of(
            request, "approve_increase_request", body, target=request_id
        ),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _decided(request, approved)


@route(
    "POST /v1/increase-requests/{id}/deny",
    role=APPROVER,
    body=DenyBody,
    response=IncreaseRequestResponse,
    errors=(*IDEMPOTENCY, "request_closed"),
    idempotent=True,
)
def deny_increase_request(request: Request[DenyBody]) -> Response:
    """Deny a pending request. Not with the key that asked."""
    request_id, body = request.path_id(_KIND), request.read_body()
    denied = deny(
        request.app.table,
        request.tenant_id,
        request_id,
        note=body.note,
        idempotency=idempotency_record_of(
            request, "deny_increase_request", body, target=request_id
        ),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _decided(request, denied)


def _own_key(request: Request) -> str | None:
    """Return the only key whose requests the caller sees; None for all."""
    return request.principal.key_id if request.principal.role == "caller" else None


def _decided(request: Request, decided: IncreaseRequest | Replay) -> Response:
    if isinstance(decided, Replay):
        return replayed(decided.answer)
    return ok(_response(request, decided))


def _response(request: Request, asked: IncreaseRequest) -> IncreaseRequestResponse:
    return increase_request_response(asked, now_ms=request.now_ms)


ROUTES = routes_in(vars())
