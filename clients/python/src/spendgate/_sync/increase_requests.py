# Generated from `_async` by `make client-models`. Do not edit.
"""Increase requests: `guard.increase_requests.create(...)` asks for more on a budget."""

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

_PATH = "increase-requests"


class IncreaseRequests(Resource):
    """`/v1/increase-requests`."""

    def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateIncreaseRequest]
    ) -> models.IncreaseRequest:
        """Ask for more on a budget, by its id or by `subject` and `unit`."""
        return self._api.fetch(
            models.IncreaseRequest,
            request("POST", _PATH, body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    def retrieve(self, request_id: str) -> models.IncreaseRequest:
        """Get a request and what was decided; a caller gets those of its own key."""
        return self._api.fetch(models.IncreaseRequest, request("GET", _PATH, request_id))

    def list(
        self, *, state: str | None = None, limit: int | None = None
    ) -> Pages[models.IncreaseRequest]:
        """List the requests, newest first: pending, approved, denied or expired ones, or all."""
        query = {"state": state, "limit": limit}
        return Pages(self._api, models.IncreaseRequest, _PATH, query=query)

    def approve(
        self,
        request_id: str,
        *,
        idempotency_key: str | None = None,
        **body: Unpack[params.Approve],
    ) -> models.IncreaseRequest:
        """Credit the budget; what is left out is as it was asked for."""
        return self._api.fetch(
            models.IncreaseRequest,
            request(
                "POST", _PATH, request_id, "approve",
                body={**body}, idempotency_key=idempotency_key or new_key(),
            ),
        )  # fmt: skip

    def deny(
        self, request_id: str, *, idempotency_key: str | None = None, **body: Unpack[params.Deny]
    ) -> models.IncreaseRequest:
        """Close the request without a credit."""
        return self._api.fetch(
            models.IncreaseRequest,
            request(
                "POST", _PATH, request_id, "deny",
                body={**body}, idempotency_key=idempotency_key or new_key(),
            ),
        )  # fmt: skip
