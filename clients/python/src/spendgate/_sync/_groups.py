# Generated from `_async` by `make client-models`. Do not edit.
"""The groups of operations that a client has: `guard.budgets`, `guard.keys`, ..."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from spendgate._sync._http import API

if TYPE_CHECKING:
    from spendgate._sync import change_log, increase_requests, notifications, resources, usage_log
else:
    from spendgate._lazy import LazyModule

    change_log = LazyModule("spendgate._sync.change_log")
    increase_requests = LazyModule("spendgate._sync.increase_requests")
    notifications = LazyModule("spendgate._sync.notifications")
    resources = LazyModule("spendgate._sync.resources")
    usage_log = LazyModule("spendgate._sync.usage_log")


class ResourceGroups:
    """Each group is made when it is first used."""

    _api: API

    @cached_property
    def budgets(self) -> resources.Budgets:
        """Budgets, their credits, ledgers and statements."""
        return resources.Budgets(self._api)

    @cached_property
    def reservations(self) -> resources.Reservations:
        """Reservations by their id."""
        return resources.Reservations(self._api)

    @cached_property
    def token_caps(self) -> resources.TokenCaps:
        """Limits on the tokens of one request."""
        return resources.TokenCaps(self._api)

    @cached_property
    def prices(self) -> resources.Prices:
        """Own prices of models."""
        return resources.Prices(self._api)

    @cached_property
    def rates(self) -> resources.Rates:
        """Conversion rates between units."""
        return resources.Rates(self._api)

    @cached_property
    def changes(self) -> change_log.Changes:
        """What admins and operators have changed."""
        return change_log.Changes(self._api)

    @cached_property
    def increase_requests(self) -> increase_requests.IncreaseRequests:
        """Requests for more on a budget, and the decisions."""
        return increase_requests.IncreaseRequests(self._api)

    @cached_property
    def usage(self) -> usage_log.UsageLog:
        """What was spent: totals, records and their export."""
        return usage_log.UsageLog(self._api)

    @cached_property
    def refusals(self) -> usage_log.Refusals:
        """What was refused."""
        return usage_log.Refusals(self._api)

    @cached_property
    def notifications(self) -> notifications.Notifications:
        """Messages about events, in chats and to webhooks."""
        return notifications.Notifications(self._api)

    @cached_property
    def keys(self) -> resources.Keys:
        """API keys of the tenant."""
        return resources.Keys(self._api)

    @cached_property
    def tenant(self) -> resources.Tenant:
        """Settings of the tenant."""
        return resources.Tenant(self._api)

    @cached_property
    def tenants(self) -> resources.Tenants:
        """All tenants; for operators."""
        return resources.Tenants(self._api)
