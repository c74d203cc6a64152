# Generated from `_async` by `make client-models`. Do not edit.
"""The change log: what admins and operators have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendgate._sync._pages import Pages
from spendgate._sync.resources import Resource

if TYPE_CHECKING:
    from spendgate import models
else:
    from spendgate._lazy import models


class Changes(Resource):
    """`/v1/changes`."""

    def list(
        self,
        *,
        object: str | None = None,  # noqa: A002 (the name of the API)
        actor: str | None = None,
        start: str | None = None,
        end: str | None = None,
        limit: int | None = None,
    ) -> Pages[models.Change]:
        """List the changes, newest first: of one object, by one key or actor, of a time."""
        query = {"object": object, "actor": actor, "from": start, "to": end, "limit": limit}
        return Pages(self._api, models.Change, "changes", query=query)
