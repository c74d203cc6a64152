"""Targets of notifications, without their URLs and secrets."""

from typing import Annotated, Literal, NotRequired, TypedDict

from spendgate_service.domain.notifications import DeliveryState, Format, Notification
from spendgate_service.domain.receivers import LAST4, url_host, url_last4
from spendgate_service.wire.fields import Doc, Time
from spendgate_service.wire.values import optional_time_on_wire, time_on_wire


class DeliveryResponse(TypedDict):
    """How the last message to a target went."""

    state: Annotated[
        Literal["none", "delivered", "failing"],
        Doc("none: nothing was sent yet; failing: the last message will be tried again."),
    ]
    at: Annotated[Time | None, Doc("When the last message was sent; null: nothing was sent yet.")]
    failures: Annotated[int, Doc("How many messages have failed in a row.")]
    reason: Annotated[str | None, Doc("Why the last message failed; null: it has arrived.")]


class NotificationResponse(TypedDict):
    """A target of notifications."""

    id: Annotated[str, Doc("The id of the target.")]
    format: Annotated[Format, Doc("How messages are written.")]
    host: Annotated[str, Doc("The host of the URL; the URL itself is never shown.")]
    url_last4: Annotated[
        str | None, Doc("The last four characters of the URL; null where its path is short.")
    ]
    secret_last4: Annotated[
        str | None, Doc("The last four characters of the secret; null for a chat, which has none.")
    ]
    event_types: Annotated[list[str], Doc("The types of the events that are sent.")]
    subject_prefix: Annotated[
        str | None, Doc("Only events whose subject, as type:id, begins so are sent; null: all.")
    ]
    revision: Annotated[int, Doc("How many times it was changed, from 1: also its ETag.")]
    created_at: Annotated[Time, Doc("When the target was created.")]
    updated_at: Annotated[Time, Doc("When the target was last changed.")]
    last_delivery: Annotated[DeliveryResponse, Doc("How the last message went.")]
    secret: NotRequired[
        Annotated[
            str | None,
            Doc(
                "What signs the messages to a webhook (Standard Webhooks). Shown once, in the "
                "response that creates the target or rotates its secret; null in a replay of it."
            ),
        ]
    ]


NOTHING_SENT = DeliveryState()


def notification_response(
    target: Notification, state: DeliveryState | None = None
) -> NotificationResponse:
    """Build the response about a target, without its URL and its secret."""
    return {
        "id": target.notification_id,
        "format": target.format,
        "host": url_host(target.url),
        "url_last4": url_last4(target.url),
        "secret_last4": None if target.secret is None else target.secret[-LAST4:],
        "event_types": list(target.event_types),
        "subject_prefix": target.subject_prefix,
        "revision": target.revision,
        "created_at": time_on_wire(target.created_at_ms),
        "updated_at": time_on_wire(target.updated_at_ms),
        "last_delivery": _delivery_response(state or NOTHING_SENT),
    }


def notification_with_secret(target: Notification, *, secret: str | None) -> NotificationResponse:
    """Build the response that shows a new secret; None in a replay of it, and for a chat."""
    return {**notification_response(target), "secret": secret}


def _delivery_response(state: DeliveryState) -> DeliveryResponse:
    at_ms = state.failed_at_ms or state.delivered_at_ms
    shown: Literal["none", "delivered", "failing"] = "failing" if state.failures else "delivered"
    return {
        "state": "none" if at_ms is None else shown,
        "at": optional_time_on_wire(at_ms),
        "failures": state.failures,
        "reason": state.reason,
    }
