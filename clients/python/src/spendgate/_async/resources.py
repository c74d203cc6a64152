"""The objects that admins manage: `guard.budgets.create(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spendgate._async._http import AsyncAPI
from spendgate._async._pages import AsyncPages
from spendgate._requests import actual_body, new_key, request

if TYPE_CHECKING:
    from typing import Unpack

    from spendgate import models, params
else:
    from spendgate._lazy import models


class AsyncResource:
    """A group of operations."""

    def __init__(self, api: AsyncAPI) -> None:
        self._api = api


class AsyncBudgets(AsyncResource):
    """`/v1/budgets`."""

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateBudget]
    ) -> models.Budget:
        """Create a budget."""
        return await self._api.fetch(
            models.Budget,
            request("POST", "budgets", body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    async def retrieve(self, budget_id: str) -> models.Budget:
        """Get a budget, with its balance if it is one subject's."""
        return await self._api.fetch(models.Budget, request("GET", "budgets", budget_id))

    def list(
        self, *, subject: str | None = None, limit: int | None = None
    ) -> AsyncPages[models.Budget]:
        """List the budgets, of one subject if it is given."""
        return AsyncPages(
            self._api, models.Budget, "budgets", query={"subject": subject, "limit": limit}
        )

    async def update(
        self,
        budget_id: str,
        *,
        if_match: str | int | None = None,
        **body: Unpack[params.PatchBudget],
    ) -> models.Budget:
        """Change the fields that are named; `if_match` is the revision that was read."""
        return await self._api.fetch(
            models.Budget,
            request("PATCH", "budgets", budget_id, body={**body}, if_match=if_match),
        )

    async def put(
        self, slug: str, *, if_match: str | int | None = None, **body: Unpack[params.PutBudget]
    ) -> models.Budget:
        """Create the budget with this slug, or make it exactly the body."""
        return await self._api.fetch(
            models.Budget,
            request("PUT", "budgets", "by-slug", slug, body={**body}, if_match=if_match),
        )

    async def delete(self, budget_id: str, *, if_match: str | int | None = None) -> models.Budget:
        """Delete a budget."""
        return await self._api.fetch(
            models.Budget, request("DELETE", "budgets", budget_id, if_match=if_match)
        )

    async def pause(self, budget_id: str) -> models.Budget:
        """Refuse new holds until it is resumed."""
        return await self._change(budget_id, "pause")

    async def resume(self, budget_id: str) -> models.Budget:
        """End a pause."""
        return await self._change(budget_id, "resume")

    async def disable(self, budget_id: str) -> models.Budget:
        """Neither enforce nor count."""
        return await self._change(budget_id, "disable")

    async def enable(self, budget_id: str) -> models.Budget:
        """Enforce and count again."""
        return await self._change(budget_id, "enable")

    async def credit(
        self, budget_id: str, *, idempotency_key: str | None = None, **body: Unpack[params.Credit]
    ) -> models.Credit:
        """Add to what may be spent in the current period."""
        return await self._api.fetch(
            models.Credit,
            request(
                "POST",
                "budgets",
                budget_id,
                "credits",
                body={**body},
                idempotency_key=idempotency_key or new_key(),
            ),
        )

    async def balance(self, budget_id: str, *, subject: str | None = None) -> models.Balance:
        """Get the balance; of a default it needs the subject."""
        return await self._api.fetch(
            models.Balance,
            request("GET", "budgets", budget_id, "balance", query={"subject": subject}),
        )

    def balances(
        self,
        budget_id: str,
        *,
        status: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[models.Balance]:
        """List the balances under a default; `sort` may be `-utilization`."""
        return AsyncPages(
            self._api, models.Balance, "budgets", budget_id, "balances",
            query={"status": status, "sort": sort, "limit": limit},
        )  # fmt: skip

    def ledger(
        self, budget_id: str, *, subject: str | None = None, limit: int | None = None
    ) -> AsyncPages[models.LedgerEntry]:
        """List the debits and credits."""
        return AsyncPages(
            self._api, models.LedgerEntry, "budgets", budget_id, "ledger",
            query={"subject": subject, "limit": limit},
        )  # fmt: skip

    def statements(
        self, budget_id: str, *, subject: str | None = None, limit: int | None = None
    ) -> AsyncPages[models.Statement]:
        """List the statements of closed periods."""
        return AsyncPages(
            self._api, models.Statement, "budgets", budget_id, "statements",
            query={"subject": subject, "limit": limit},
        )  # fmt: skip

    async def audit(
        self, budget_id: str, *, subject: str | None = None, cursor: str | None = None
    ) -> models.Audit:
        """Compare every counter with its ledger, a page at a time."""
        query = {"subject": subject, "cursor": cursor}
        return await self._api.fetch(
            models.Audit, request("GET", "budgets", budget_id, "audit", query=query)
        )

    async def _change(self, budget_id: str, change: str) -> models.Budget:
        return await self._api.fetch(
            models.Budget, request("POST", "budgets", budget_id, change, body={})
        )


class AsyncReservations(AsyncResource):
    """`/v1/reservations/{id}`; `guard.reserve` makes them."""

    async def retrieve(self, reservation_id: str) -> models.Reservation:
        """Get a reservation and its state."""
        return await self._api.fetch(
            models.Reservation, request("GET", "reservations", reservation_id)
        )

    def list(
        self,
        *,
        subject: str | None = None,
        older_than_seconds: int | None = None,
        limit: int | None = None,
    ) -> AsyncPages[models.Reservation]:
        """List the open holds that are long or were extended, oldest first."""
        query = {
            "state": "held",
            "subject": subject,
            "older_than_seconds": older_than_seconds,
            "limit": limit,
        }
        return AsyncPages(self._api, models.Reservation, "reservations", query=query)

    async def settle(self, reservation_id: str, **actual: Any) -> models.Reservation:
        """Settle at `actual` amounts or a `usage`; takes the arguments of `Hold.settle`."""
        return await self._post(reservation_id, "settle", actual_body(**actual))

    async def capture(
        self,
        reservation_id: str,
        *,
        actual: Mapping[str, Any] | None = None,
        returned: Mapping[str, Any] | None = None,
        since: Mapping[str, Any] | None = None,
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> models.Reservation:
        """Report what a lease has spent and given back: the totals since its start.

        The entries explain what was spent above `since`.
        """
        fields = {"actual": actual, "returned": returned, "since": since, "entries": entries}
        body = {name: value for name, value in fields.items() if value is not None}
        return await self._post(reservation_id, "capture", body)

    async def release(self, reservation_id: str) -> models.Reservation:
        """Give a hold back; only if it is certain that nothing was spent."""
        return await self._post(reservation_id, "release", {})

    async def extend(self, reservation_id: str, ttl_seconds: int) -> models.Reservation:
        """Let the hold expire that many seconds from now."""
        return await self._post(reservation_id, "extend", {"ttl_seconds": ttl_seconds})

    async def _post(
        self, reservation_id: str, operation: str, body: Mapping[str, Any]
    ) -> models.Reservation:
        return await self._api.fetch(
            models.Reservation,
            request("POST", "reservations", reservation_id, operation, body=body),
        )


class AsyncTokenCaps(AsyncResource):
    """`/v1/token-caps`; a subject is written `agent:researcher` or `agent:*`."""

    def list(self, *, limit: int | None = None) -> AsyncPages[models.TokenCap]:
        """List the caps, by subject."""
        return AsyncPages(self._api, models.TokenCap, "token-caps", query={"limit": limit})

    async def set(
        self, subject: str, *, if_match: str | None = None, **body: Unpack[params.TokenCap]
    ) -> models.TokenCap:
        """Set the caps of a subject."""
        path = ("token-caps", *subject.split(":", 1))
        return await self._api.fetch(
            models.TokenCap, request("PUT", *path, body={**body}, if_match=if_match)
        )

    async def retrieve(self, subject: str) -> models.TokenCap:
        """Get the caps of a subject."""
        return await self._api.fetch(
            models.TokenCap, request("GET", "token-caps", *subject.split(":", 1))
        )

    async def delete(self, subject: str) -> models.TokenCap:
        """Remove the caps of a subject."""
        return await self._api.fetch(
            models.TokenCap, request("DELETE", "token-caps", *subject.split(":", 1))
        )


class AsyncPrices(AsyncResource):
    """`/v1/prices`, per million tokens."""

    async def set(
        self,
        provider: str,
        model: str,
        *,
        if_match: str | None = None,
        **body: Unpack[params.Price],
    ) -> models.Price:
        """Set the own price of a model."""
        path = ("prices", provider, model)
        return await self._api.fetch(
            models.Price, request("PUT", *path, body={**body}, if_match=if_match)
        )

    async def retrieve(self, provider: str, model: str) -> models.Price:
        """Get the price that applies."""
        return await self._api.fetch(models.Price, request("GET", "prices", provider, model))

    def list(self, *, limit: int | None = None) -> AsyncPages[models.Price]:
        """List the tenant's own prices."""
        return AsyncPages(self._api, models.Price, "prices", query={"limit": limit})

    async def delete(self, provider: str, model: str) -> models.Price:
        """Remove the own price; the built-in one applies again."""
        return await self._api.fetch(models.Price, request("DELETE", "prices", provider, model))


class AsyncRates(AsyncResource):
    """`/v1/rates`, between units."""

    async def set(
        self,
        from_unit: str,
        to_unit: str,
        *,
        if_match: str | None = None,
        **body: Unpack[params.Rate],
    ) -> models.Rate:
        """Set a conversion rate."""
        path = ("rates", from_unit, to_unit)
        return await self._api.fetch(
            models.Rate, request("PUT", *path, body={**body}, if_match=if_match)
        )

    async def retrieve(self, from_unit: str, to_unit: str) -> models.Rate:
        """Get a conversion rate."""
        return await self._api.fetch(models.Rate, request("GET", "rates", from_unit, to_unit))

    def list(self, *, limit: int | None = None) -> AsyncPages[models.Rate]:
        """List the tenant's conversion rates."""
        return AsyncPages(self._api, models.Rate, "rates", query={"limit": limit})

    async def delete(self, from_unit: str, to_unit: str) -> models.Rate:
        """Remove a conversion rate."""
        return await self._api.fetch(models.Rate, request("DELETE", "rates", from_unit, to_unit))


class AsyncKeys(AsyncResource):
    """`/v1/keys`."""

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateKey]
    ) -> models.Key:
        """Create a key; its secret is in this response only."""
        return await self._api.fetch(
            models.Key,
            request("POST", "keys", body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    def list(self, *, limit: int | None = None) -> AsyncPages[models.Key]:
        """List the keys, without their secrets."""
        return AsyncPages(self._api, models.Key, "keys", query={"limit": limit})

    async def rotate(
        self, key_id: str, *, grace_seconds: int = 0, idempotency_key: str | None = None
    ) -> models.Key:
        """Give a key a new secret, which is in this response only; its id and budgets stay."""
        return await self._api.fetch(
            models.Key,
            request(
                "POST", "keys", key_id, "rotate",
                body={"grace_seconds": grace_seconds},
                idempotency_key=idempotency_key or new_key(),
            ),
        )  # fmt: skip

    async def revoke(self, key_id: str) -> models.Key:
        """Revoke a key."""
        return await self._api.fetch(models.Key, request("DELETE", "keys", key_id))


class AsyncTenants(AsyncResource):
    """`/v1/tenants` (operator)."""

    async def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateTenant]
    ) -> models.Tenant:
        """Create a tenant; its first admin key is in this response only."""
        return await self._api.fetch(
            models.Tenant,
            request("POST", "tenants", body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    def list(self, *, limit: int | None = None) -> AsyncPages[models.Tenant]:
        """List the tenants."""
        return AsyncPages(self._api, models.Tenant, "tenants", query={"limit": limit})


class AsyncTenant(AsyncResource):
    """`/v1/tenant`: the tenant of the key."""

    async def retrieve(self) -> models.Tenant:
        """Get the settings."""
        return await self._api.fetch(models.Tenant, request("GET", "tenant"))

    async def update(
        self, *, if_match: str | None = None, **body: Unpack[params.PatchTenant]
    ) -> models.Tenant:
        """Change the settings that are named."""
        return await self._api.fetch(
            models.Tenant, request("PATCH", "tenant", body={**body}, if_match=if_match)
        )
