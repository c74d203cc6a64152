# Generated from `_async` by `make client-models`. Do not edit.
"""Messages about events in chats and to webhooks: `guard.notifications.create(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendgate._requests import new_key, request
from spendgate._sync._pages import Pages
from spendgate._sync.resources import Resource

if TYPE_CHECKING:
    from typing import Unpack

    from spendgate import models, params
else:
    from spendgate._lazy import models


class Notifications(Resource):
    """`/v1/notifications`."""

    def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateNotification]
    ) -> models.Notification:
        """Create a target; the secret of a webhook is in this response only."""
        return self._api.fetch(
            models.Notification,
            request(
                "POST",
                "notifications",
                body={**body},
                idempotency_key=idempotency_key or new_key(),
            ),
        )

    def list(self) -> Pages[models.Notification]:
        """List the targets, without their URLs and secrets."""
        return Pages(self._api, models.Notification, "notifications", query={})

    def retrieve(self, notification_id: str) -> models.Notification:
        """Get a target, with how its last delivery went."""
        return self._api.fetch(
            models.Notification, request("GET", "notifications", notification_id)
        )

    def update(
        self,
        notification_id: str,
        *,
        if_match: str | int | None = None,
        **body: Unpack[params.PatchNotification],
    ) -> models.Notification:
        """Change the fields that are named; `if_match` is the revision that was read."""
        return self._api.fetch(
            models.Notification,
            request("PATCH", "notifications", notification_id, body={**body}, if_match=if_match),
        )

    def delete(
        self, notification_id: str, *, if_match: str | int | None = None
    ) -> models.Notification:
        """Delete a target; messages that wait for it are dropped."""
        return self._api.fetch(
            models.Notification,
            request("DELETE", "notifications", notification_id, if_match=if_match),
        )

    def test(self, notification_id: str) -> models.Notification:
        """Send a test message; `last_delivery` says a moment later how it went."""
        return self._api.fetch(
            models.Notification, request("POST", "notifications", notification_id, "test", body={})
        )

    def rotate(
        self, notification_id: str, *, idempotency_key: str | None = None
    ) -> models.Notification:
        """Give a webhook a new secret, in this response only; the old one signs for 24 hours."""
        return self._api.fetch(
            models.Notification,
            request(
                "POST",
                "notifications",
                notification_id,
                "rotate",
                body={},
                idempotency_key=idempotency_key or new_key(),
            ),
        )
