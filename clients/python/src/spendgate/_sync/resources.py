# Generated from `_async` by `make client-models`. Do not edit.
"""The objects that admins manage: `guard.budgets.create(...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spendgate._requests import actual_body, new_key, request
from spendgate._sync._http import API
from spendgate._sync._pages import Pages

if TYPE_CHECKING:
    from typing import Unpack

    from spendgate import models, params
else:
    from spendgate._lazy import models


class Resource:
    """A group of operations."""

    def __init__(self, api: API) -> None:
        self._api = api


class Budgets(Resource):
    """`/v1/budgets`."""

    def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateBudget]
    ) -> models.Budget:
        """Create a budget."""
        return self._api.fetch(
            models.Budget,
            request("POST", "budgets", body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    def retrieve(self, budget_id: str) -> models.Budget:
        """Get a budget, with its balance if it is one subject's."""
        return self._api.fetch(models.Budget, request("GET", "budgets", budget_id))

    def list(self, *, subject: str | None = None, limit: int | None = None) -> Pages[models.Budget]:
        """List the budgets, of one subject if it is given."""
        return Pages(
            self._api, models.Budget, "budgets", query={"subject": subject, "limit": limit}
        )

    def update(
        self,
        budget_id: str,
        *,
        if_match: str | int | None = None,
        **body: Unpack[params.PatchBudget],
    ) -> models.Budget:
        """Change the fields that are named; `if_match` is the revision that was read."""
        return self._api.fetch(
            models.Budget,
            request("PATCH", "budgets", budget_id, body={**body}, if_match=if_match),
        )

    def put(
        self, slug: str, *, if_match: str | int | None = None, **body: Unpack[params.PutBudget]
    ) -> models.Budget:
        """Create the budget with this slug, or make it exactly the body."""
        return self._api.fetch(
            models.Budget,
            request("PUT", "budgets", "by-slug", slug, body={**body}, if_match=if_match),
        )

    def delete(self, budget_id: str, *, if_match: str | int | None = None) -> models.Budget:
        """Delete a budget."""
        return self._api.fetch(
            models.Budget, request("DELETE", "budgets", budget_id, if_match=if_match)
        )

    def pause(self, budget_id: str) -> models.Budget:
        """Refuse new holds until it is resumed."""
        return self._change(budget_id, "pause")

    def resume(self, budget_id: str) -> models.Budget:
        """End a pause."""
        return self._change(budget_id, "resume")

    def disable(self, budget_id: str) -> models.Budget:
        """Neither enforce nor count."""
        return self._change(budget_id, "disable")

    def enable(self, budget_id: str) -> models.Budget:
        """Enforce and count again."""
        return self._change(budget_id, "enable")

    def credit(
        self, budget_id: str, *, idempotency_key: str | None = None, **body: Unpack[params.Credit]
    ) -> models.Credit:
        """Add to what may be spent in the current period."""
        return self._api.fetch(
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

    def balance(self, budget_id: str, *, subject: str | None = None) -> models.Balance:
        """Get the balance; of a default it needs the subject."""
        return self._api.fetch(
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
    ) -> Pages[models.Balance]:
        """List the balances under a default; `sort` may be `-utilization`."""
        return Pages(
            self._api, models.Balance, "budgets", budget_id, "balances",
            query={"status": status, "sort": sort, "limit": limit},
        )  # fmt: skip

    def ledger(
        self, budget_id: str, *, subject: str | None = None, limit: int | None = None
    ) -> Pages[models.LedgerEntry]:
        """List the debits and credits."""
        return Pages(
            self._api, models.LedgerEntry, "budgets", budget_id, "ledger",
            query={"subject": subject, "limit": limit},
        )  # fmt: skip

    def statements(
        self, budget_id: str, *, subject: str | None = None, limit: int | None = None
    ) -> Pages[models.Statement]:
        """List the statements of closed periods."""
        return Pages(
            self._api, models.Statement, "budgets", budget_id, "statements",
            query={"subject": subject, "limit": limit},
        )  # fmt: skip

    def audit(
        self, budget_id: str, *, subject: str | None = None, cursor: str | None = None
    ) -> models.Audit:
        """Compare every counter with its ledger, a page at a time."""
        query = {"subject": subject, "cursor": cursor}
        return self._api.fetch(
            models.Audit, request("GET", "budgets", budget_id, "audit", query=query)
        )

    def _change(self, budget_id: str, change: str) -> models.Budget:
        return self._api.fetch(
            models.Budget, request("POST", "budgets", budget_id, change, body={})
        )


class Reservations(Resource):
    """`/v1/reservations/{id}`; `guard.reserve` makes them."""

    def retrieve(self, reservation_id: str) -> models.Reservation:
        """Get a reservation and its state."""
        return self._api.fetch(models.Reservation, request("GET", "reservations", reservation_id))

    def list(
        self,
        *,
        subject: str | None = None,
        older_than_seconds: int | None = None,
        limit: int | None = None,
    ) -> Pages[models.Reservation]:
        """List the open holds that are long or were extended, oldest first."""
        query = {
            "state": "held",
            "subject": subject,
            "older_than_seconds": older_than_seconds,
            "limit": limit,
        }
        return Pages(self._api, models.Reservation, "reservations", query=query)

    def settle(self, reservation_id: str, **actual: Any) -> models.Reservation:
        """Settle at `actual` amounts or a `usage`; takes the arguments of `Hold.settle`."""
        return self._post(reservation_id, "settle", actual_body(**actual))

    def capture(
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
        return self._post(reservation_id, "capture", body)

    def release(self, reservation_id: str) -> models.Reservation:
        """Give a hold back; only if it is certain that nothing was spent."""
        return self._post(reservation_id, "release", {})

    def extend(self, reservation_id: str, ttl_seconds: int) -> models.Reservation:
        """Let the hold expire that many seconds from now."""
        return self._post(reservation_id, "extend", {"ttl_seconds": ttl_seconds})

    def _post(
        self, reservation_id: str, operation: str, body: Mapping[str, Any]
    ) -> models.Reservation:
        return self._api.fetch(
            models.Reservation,
            request("POST", "reservations", reservation_id, operation, body=body),
        )


class TokenCaps(Resource):
    """`/v1/token-caps`; a subject is written `agent:researcher` or `agent:*`."""

    def list(self, *, limit: int | None = None) -> Pages[models.TokenCap]:
        """List the caps, by subject."""
        return Pages(self._api, models.TokenCap, "token-caps", query={"limit": limit})

    def set(
        self, subject: str, *, if_match: str | None = None, **body: Unpack[params.TokenCap]
    ) -> models.TokenCap:
        """Set the caps of a subject."""
        path = ("token-caps", *subject.split(":", 1))
        return self._api.fetch(
            models.TokenCap, request("PUT", *path, body={**body}, if_match=if_match)
        )

    def retrieve(self, subject: str) -> models.TokenCap:
        """Get the caps of a subject."""
        return self._api.fetch(
            models.TokenCap, request("GET", "token-caps", *subject.split(":", 1))
        )

    def delete(self, subject: str) -> models.TokenCap:
        """Remove the caps of a subject."""
        return self._api.fetch(
            models.TokenCap, request("DELETE", "token-caps", *subject.split(":", 1))
        )


class Prices(Resource):
    """`/v1/prices`, per million tokens."""

    def set(
        self,
        provider: str,
        model: str,
        *,
        if_match: str | None = None,
        **body: Unpack[params.Price],
    ) -> models.Price:
        """Set the own price of a model."""
        path = ("prices", provider, model)
        return self._api.fetch(
            models.Price, request("PUT", *path, body={**body}, if_match=if_match)
        )

    def retrieve(self, provider: str, model: str) -> models.Price:
        """Get the price that applies."""
        return self._api.fetch(models.Price, request("GET", "prices", provider, model))

    def list(self, *, limit: int | None = None) -> Pages[models.Price]:
        """List the tenant's own prices."""
        return Pages(self._api, models.Price, "prices", query={"limit": limit})

    def delete(self, provider: str, model: str) -> models.Price:
        """Remove the own price; the built-in one applies again."""
        return self._api.fetch(models.Price, request("DELETE", "prices", provider, model))


class Rates(Resource):
    """`/v1/rates`, between units."""

    def set(
        self,
        from_unit: str,
        to_unit: str,
        *,
        if_match: str | None = None,
        **body: Unpack[params.Rate],
    ) -> models.Rate:
        """Set a conversion rate."""
        path = ("rates", from_unit, to_unit)
        return self._api.fetch(models.Rate, request("PUT", *path, body={**body}, if_match=if_match))

    def retrieve(self, from_unit: str, to_unit: str) -> models.Rate:
        """Get a conversion rate."""
        return self._api.fetch(models.Rate, request("GET", "rates", from_unit, to_unit))

    def list(self, *, limit: int | None = None) -> Pages[models.Rate]:
        """List the tenant's conversion rates."""
        return Pages(self._api, models.Rate, "rates", query={"limit": limit})

    def delete(self, from_unit: str, to_unit: str) -> models.Rate:
        """Remove a conversion rate."""
        return self._api.fetch(models.Rate, request("DELETE", "rates", from_unit, to_unit))


class Keys(Resource):
    """`/v1/keys`."""

    def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateKey]
    ) -> models.Key:
        """Create a key; its secret is in this response only."""
        return self._api.fetch(
            models.Key,
            request("POST", "keys", body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    def list(self, *, limit: int | None = None) -> Pages[models.Key]:
        """List the keys, without their secrets."""
        return Pages(self._api, models.Key, "keys", query={"limit": limit})

    def rotate(
        self, key_id: str, *, grace_seconds: int = 0, idempotency_key: str | None = None
    ) -> models.Key:
        """Give a key a new secret, which is in this response only; its id and budgets stay."""
        return self._api.fetch(
            models.Key,
            request(
                "POST", "keys", key_id, "rotate",
                body={"grace_seconds": grace_seconds},
                idempotency_key=idempotency_key or new_key(),
            ),
        )  # fmt: skip

    def revoke(self, key_id: str) -> models.Key:
        """Revoke a key."""
        return self._api.fetch(models.Key, request("DELETE", "keys", key_id))


class Tenants(Resource):
    """`/v1/tenants` (operator)."""

    def create(
        self, *, idempotency_key: str | None = None, **body: Unpack[params.CreateTenant]
    ) -> models.Tenant:
        """Create a tenant; its first admin key is in this response only."""
        return self._api.fetch(
            models.Tenant,
            request("POST", "tenants", body={**body}, idempotency_key=idempotency_key or new_key()),
        )

    def list(self, *, limit: int | None = None) -> Pages[models.Tenant]:
        """List the tenants."""
        return Pages(self._api, models.Tenant, "tenants", query={"limit": limit})


class Tenant(Resource):
    """`/v1/tenant`: the tenant of the key."""

    def retrieve(self) -> models.Tenant:
        """Get the settings."""
        return self._api.fetch(models.Tenant, request("GET", "tenant"))

    def update(
        self, *, if_match: str | None = None, **body: Unpack[params.PatchTenant]
    ) -> models.Tenant:
        """Change the settings that are named."""
        return self._api.fetch(
            models.Tenant, request("PATCH", "tenant", body={**body}, if_match=if_match)
        )
