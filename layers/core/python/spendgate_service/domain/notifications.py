"""Notifications: messages about events to a chat or a webhook that a tenant has chosen."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

type Format = Literal["slack", "teams", "webhook"]

TARGETS_MAX = 20
"""How many targets a tenant may have: each event is compared with all of them."""

GRACE_SECONDS = 24 * 3600
"""For how long a secret signs beside the one that has replaced it."""

OLDER_SECRETS_MAX = 5
"""So many rotations may follow each other within a grace."""


@dataclass(frozen=True, slots=True)
class OlderSecret:
    """A secret that was replaced, and until when (epoch milliseconds) it signs as well."""

    secret: str = field(repr=False)
    ends_at_ms: int


@dataclass(frozen=True, slots=True)
class Notification:
    """A target of notifications. Its URL and its secrets are in no repr, log or response.

    Only a webhook has a secret: a chat has no way to check a signature. `subject_prefix` chooses
    by the subject of an event as `type:id`; None: every subject.
    """

    notification_id: str
    format: Format
    url: str = field(repr=False)
    event_types: tuple[str, ...]
    subject_prefix: str | None
    secret: str | None = field(repr=False)
    created_at_ms: int
    updated_at_ms: int
    revision: int = 1
    older_secrets: tuple[OlderSecret, ...] = ()

    def wants(self, event_type: str, subjects: Collection[str]) -> bool:
        """Whether an event of that type, about these subjects, goes to this target."""
        prefix = self.subject_prefix
        return event_type in self.event_types and (
            prefix is None or any(subject.startswith(prefix) for subject in subjects)
        )

    def secrets_at(self, now_ms: int) -> tuple[str, ...]:
        """Return the secrets that sign at a moment, the current one first."""
        older = tuple(old.secret for old in self.older_secrets if old.ends_at_ms > now_ms)
        return older if self.secret is None else (self.secret, *older)


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """How the last deliveries to a target went.

    `next_at_ms` is when the next message may be sent, `slot_at_ms` for when the last batch that had
    to wait was promised its turn. `reason` says why the last message failed, None if it arrived;
    `failures` counts those in a row.
    """

    next_at_ms: int = 0
    slot_at_ms: int = 0
    failures: int = 0
    delivered_at_ms: int | None = None
    failed_at_ms: int | None = None
    reason: str | None = None
    tested_at_ms: int | None = None
