"""The groups of operations that a client has: `guard.budgets`, `guard.keys`, ..."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from spendgate._async._http import AsyncAPI

if TYPE_CHECKING:
    from spendgate._async import change_log, increase_requests, notifications, resources, usage_log
else:
    from spendgate._lazy import LazyModule

    change_log = LazyModule("spendgate._async.change_log")
    increase_requests = LazyModule("spendgate._async.increase_requests")
    notifications = LazyModule("spendgate._async.notifications")
    resources = LazyModule("spendgate._async.resources")
    usage_log = LazyModule("spendgate._async.usage_log")


class AsyncResourceGroups:
    """Each group is made when it is first used."""

    _api: AsyncAPI

    @cached_property
    def budgets(self) -> resources.AsyncBudgets:
        """Budgets, their credits, ledgers and statements."""
        return resources.AsyncBudgets(self._api)

    @cached_property
    def reservations(self) -> resources.AsyncReservations:
        """Reservations by their id."""
        return resources.AsyncReservations(self._api)

    @cached_property
    def token_caps(self) -> resources.AsyncTokenCaps:
        """Limits on the tokens of one request."""
        return resources.AsyncTokenCaps(self._api)

    @cached_property
    def prices(self) -> resources.AsyncPrices:
        """Own prices of models."""
        return resources.AsyncPrices(self._api)

    @cached_property
    def rates(self) -> resources.AsyncRates:
        """Conversion rates between units."""
        return resources.AsyncRates(self._api)

    @cached_property
    def changes(self) -> change_log.AsyncChanges:
        """What admins and operators have changed."""
        return change_log.AsyncChanges(self._api)

    @cached_property
    def increase_requests(self) -> increase_requests.AsyncIncreaseRequests:
        """Requests for more on a budget, and the decisions."""
        return increase_requests.AsyncIncreaseRequests(self._api)

    @cached_property
    def usage(self) -> usage_log.AsyncUsageLog:
        """What was spent: totals, records and their export."""
        return usage_log.AsyncUsageLog(self._api)

    @cached_property
    def refusals(self) -> usage_log.AsyncRefusals:
        """What was refused."""
        return usage_log.AsyncRefusals(self._api)

    @cached_property
    def notifications(self) -> notifications.AsyncNotifications:
        """Messages about events, in chats and to webhooks."""
        return notifications.AsyncNotifications(self._api)

    @cached_property
    def keys(self) -> resources.AsyncKeys:
        """API keys of the tenant."""
        return resources.AsyncKeys(self._api)

    @cached_property
    def tenant(self) -> resources.AsyncTenant:
        """Settings of the tenant."""
        return resources.AsyncTenant(self._api)

    @cached_property
    def tenants(self) -> resources.AsyncTenants:
        """All tenants; for operators."""
        return resources.AsyncTenants(self._api)
