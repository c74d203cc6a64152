"""The bodies of targets of notifications."""

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Literal, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Limits,
    WithJsonSchema,
    model_validator,
)
from spendgate_service.api.bodies.fields import changing, patch_schema
from spendgate_service.domain.notifications import Notification
from spendgate_service.domain.receivers import URL_LENGTH_MAX, parse_receiver
from spendgate_service.notifications.targets import new_notification_id, new_secret
from spendgate_service.wire.events import DETAILS
from spendgate_service.wire.fields import Doc

_SUBJECT_PREFIX_LENGTH_MAX = 256
_NULLABLE = {"subject_prefix"}


def _event_type(text: str) -> str:
    if text not in DETAILS:
        raise ValueError(f"an event type is one of {', '.join(DETAILS)}")
    return text


def _once_each(types: Collection[str]) -> list[str]:
    return list(dict.fromkeys(types))


EventTypesField = Annotated[
    list[
        Annotated[
            str,
            AfterValidator(_event_type),
            WithJsonSchema({"type": "string", "enum": list(DETAILS)}),
        ]
    ],
    Limits(min_length=1, max_length=100),
    AfterValidator(_once_each),
]
UrlField = Annotated[str, Limits(min_length=1, max_length=URL_LENGTH_MAX)]
SubjectPrefixField = Annotated[str, Limits(min_length=1, max_length=_SUBJECT_PREFIX_LENGTH_MAX)]

_URL = Doc(
    "Where messages are posted: https on port 443, by a host name. It is never shown again: a "
    "response has its host and its last four characters.",
    writeOnly=True,
)
_TYPES = Doc("The types of the events that are sent.")
_PREFIX = Doc(
    "Only events whose subject, as type:id, begins so are sent, such as agent: or agent:research-; "
    "null: all."
)


class CreateNotificationBody(Body):
    """A new target of notifications."""

    format: Annotated[
        Literal["slack", "teams", "webhook"],
        Doc(
            "How messages are written: for an incoming webhook of Slack, for a Workflows webhook "
            "of Teams, or as a signed event (Standard Webhooks)."
        ),
    ]
    url: Annotated[UrlField, _URL]
    event_types: Annotated[EventTypesField, _TYPES]
    subject_prefix: Annotated[SubjectPrefixField | None, _PREFIX] = None

    def to_notification(self, *, allow_local: bool, now_ms: int) -> Notification:
        """Return the new target, a webhook with its secret. Raises InvalidValue."""
        parse_receiver(self.url, allow_local=allow_local)
        return Notification(
            notification_id=new_notification_id(now_ms=now_ms),
            format=self.format,
            url=self.url,
            event_types=tuple(self.event_types),
            subject_prefix=self.subject_prefix,
            secret=new_secret() if self.format == "webhook" else None,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )


class PatchNotificationBody(Body, json_schema_extra=patch_schema(nullable=_NULLABLE)):
    """A change of a target; what is left out stays."""

    url: Annotated[UrlField | None, _URL] = None
    event_types: Annotated[EventTypesField | None, _TYPES] = None
    subject_prefix: Annotated[SubjectPrefixField | None, _PREFIX] = None

    @model_validator
    def _names_a_change(self) -> Self:
        return changing(self, nullable=_NULLABLE)

    def applied_to(self, target: Notification, *, allow_local: bool) -> Notification:
        """Return the target with the change. Raises InvalidValue."""
        if self.url is not None:
            parse_receiver(self.url, allow_local=allow_local)
        named = {name: getattr(self, name) for name in self.model_fields_set}
        if "event_types" in named:
            named["event_types"] = tuple(named["event_types"])
        return replace(target, **named)
