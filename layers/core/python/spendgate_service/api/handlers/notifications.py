"""Targets of notifications: chats and webhooks that get messages about events."""

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.fields import EmptyBody
from spendgate_service.api.bodies.notifications import (
    CreateNotificationBody,
    PatchNotificationBody,
)
from spendgate_service.api.http import Request, Response, created, ok
from spendgate_service.api.idempotency import idempotency_record_of
from spendgate_service.api.route import ADMIN, ADMIN_READER, IDEMPOTENCY, TAG, route, routes_in
from spendgate_service.api.tags import precondition_of, replayed_revision, tagged
from spendgate_service.domain.notifications import DeliveryState, Notification
from spendgate_service.domain.preconditions import revision_tag
from spendgate_service.notifications import targets
from spendgate_service.notifications.queue import send_test
from spendgate_service.store.idempotency import Replay
from spendgate_service.wire.notifications import (
    NotificationResponse,
    notification_response,
    notification_with_secret,
)
from spendgate_service.wire.pages import PageResponse, page_response


@route(
    "POST /v1/notifications",
    role=ADMIN,
    body=CreateNotificationBody,
    response=NotificationResponse,
    status=201,
    errors=IDEMPOTENCY,
    idempotent=True,
    headers=TAG,
)
def create_notification(request: Request[CreateNotificationBody]) -> Response:
    """Create a target of notifications; the secret of a webhook is shown once."""
    body = request.read_body()
    target = body.to_notification(
        allow_local=request.app.settings.allows_local_receivers, now_ms=request.now_ms
    )
    made = targets.create_target(
        request.app.table,
        request.tenant_id,
        target,
        idempotency=idempotency_record_of(request, "create_notification", body),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    if isinstance(made, Replay):
        return replayed_revision(made.answer)
    return _tagged(made, created(notification_with_secret(made, secret=made.secret)))


@route(
    "GET /v1/notifications",
    role=ADMIN_READER,
    response=PageResponse[NotificationResponse],
    paged=True,
)
def list_notifications(request: Request) -> Response:
    """List the targets of notifications, 20 at most, with how their last delivery went."""
    page, states = targets.list_targets(request.app.table, request.tenant_id, request.page())
    shown = [
        notification_response(target, states.get(target.notification_id)) for target in page.data
    ]
    return ok(page_response(shown, next_cursor=page.next_cursor))


@route("GET /v1/notifications/{id}", role=ADMIN_READER, response=NotificationResponse, headers=TAG)
def read_notification(request: Request) -> Response:
    """Show a target of notifications, without its URL and its secret."""
    notification_id = request.path_id("notification")
    return _shown(*targets.find_target(request.app.table, request.tenant_id, notification_id))


@route(
    "PATCH /v1/notifications/{id}",
    role=ADMIN,
    body=PatchNotificationBody,
    response=NotificationResponse,
    conditional=True,
    headers=TAG,
)
def change_notification(request: Request[PatchNotificationBody]) -> Response:
    """Change where messages go, or which ones."""
    notification_id, body = request.path_id("notification"), request.read_body()
    allow_local = request.app.settings.allows_local_receivers

    def change(target: Notification) -> Notification:
        _check(request, target)
        return body.applied_to(target, allow_local=allow_local)

    changed = targets.change_target(
        request.app.table,
        request.tenant_id,
        notification_id,
        change,
        by=author_of(request),
        now_ms=request.now_ms,
    )
    state = targets.state_of(request.app.table, request.tenant_id, notification_id)
    return _shown(changed, state)


@route(
    "DELETE /v1/notifications/{id}",
    role=ADMIN,
    response=NotificationResponse,
    conditional=True,
    headers=TAG,
)
def delete_notification(request: Request) -> Response:
    """Delete a target; messages that wait for it are dropped."""
    deleted = targets.delete_target(
        request.app.table,
        request.tenant_id,
        request.path_id("notification"),
        lambda target: _check(request, target),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _tagged(deleted, ok(notification_response(deleted)))


@route(
    "POST /v1/notifications/{id}/rotate",
    role=ADMIN,
    body=EmptyBody,
    response=NotificationResponse,
    errors=IDEMPOTENCY,
    idempotent=True,
    headers=TAG,
)
def rotate_notification(request: Request[EmptyBody]) -> Response:
    """Give a webhook a new secret, shown once; the old one signs beside it for 24 hours."""
    notification_id, body = request.path_id("notification"), request.read_body()
    made = targets.rotate_secret(
        request.app.table,
        request.tenant_id,
        notification_id,
        idempotency=idempotency_record_of(
            request, "rotate_notification", body, target=notification_id
        ),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    if isinstance(made, Replay):
        return replayed_revision(made.answer)
    return _tagged(made, ok(notification_with_secret(made, secret=made.secret)))


@route(
    "POST /v1/notifications/{id}/test",
    role=ADMIN,
    body=EmptyBody,
    response=NotificationResponse,
    repeatable=True,
    headers=TAG,
)
def test_notification(request: Request[EmptyBody]) -> Response:
    """Send a test message the way every message goes; `last_delivery` says how it went.

    Within ten seconds of a test, another one sends nothing more.
    """
    notification_id = request.path_id("notification")
    request.read_body()
    target, state = send_test(
        request.app.table,
        request.app.notification_queue,
        request.tenant_id,
        notification_id,
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _shown(target, state)


def _check(request: Request, target: Notification) -> None:
    what = f"the notification {target.notification_id}"
    precondition_of(request).check(what, revision_tag(target.revision))


def _shown(target: Notification, state: DeliveryState | None) -> Response:
    return _tagged(target, ok(notification_response(target, state)))


def _tagged(target: Notification, response: Response) -> Response:
    return tagged(response, revision_tag(target.revision))


ROUTES = routes_in(vars())
