"""Messages about events in chats and to webhooks: `guard.notifications.create(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendgate._async._pages import AsyncPages
from spendgate._async.resources import AsyncResource
from spendgate._requests import new_key, request

if TYPE_CHECKING:
    from typing import Unpack

    from spendgate import models, params
else:
    from spendgate._lazy import models


class AsyncNotifications(AsyncResource):
    """`/v1/notifications`."""

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateNotification]
    ) -> models.Notification:
        """Create a target; the secret of a webhook is in this response only."""
        return await self._api.fetch(
            models.Notification,
            request(
                "POST",
                "notifications",
                body={**body},
                idempotency_key=idempotency_key or new_key(),
            ),
        )

    def list(self) -> AsyncPages[models.Notification]:
        """List the targets, without their URLs and secrets."""
        return AsyncPages(self._api, models.Notification, "notifications", query={})

    async def retrieve(self, notification_id: str) -> models.Notification:
        """Get a target, with how its last delivery went."""
        return await self._api.fetch(
            models.Notification, request("GET", "notifications", notification_id)
        )

    async def update(
        self,
        notification_id: str,
        *,
        if_match: str | int | None = None,
        **body: Unpack[params.PatchNotification],
    ) -> models.Notification:
        """Change the fields that are named; `if_match` is the revision that was read."""
        return await self._api.fetch(
            models.Notification,
            request("PATCH", "notifications", notification_id, body={**body}, if_match=if_match),
        )

    async def delete(
        self, notification_id: str, *, if_match: str | int | None = None
    ) -> models.Notification:
        """Delete a target; messages that wait for it are dropped."""
        return await self._api.fetch(
            models.Notification,
            request("DELETE", "notifications", notification_id, if_match=if_match),
        )

    async def test(self, notification_id: str) -> models.Notification:
        """Send a test message; `last_delivery` says a moment later how it went."""
        return await self._api.fetch(
            models.Notification, request("POST", "notifications", notification_id, "test", body={})
        )

    async def rotate(
        self, notification_id: str, *, idempotency_key: str | None = None
    ) -> models.Notification:
        """Give a webhook a new secret, in this response only; the old one signs for 24 hours."""
        return await self._api.fetch(
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
