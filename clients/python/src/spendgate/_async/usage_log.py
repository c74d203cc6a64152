"""The usage log: what was spent, and what was refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from spendgate._async._pages import AsyncPages, export
from spendgate._async.resources import AsyncResource
from spendgate._requests import request

if TYPE_CHECKING:
    from spendgate import models
else:
    from spendgate._lazy import models


class AsyncUsageLog(AsyncResource):
    """`/v1/usage`."""

    def totals(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        group_by: str | None = None,
        interval: str | None = None,
        timezone: str | None = None,
        only: dict[str, str] | None = None,
        limit: int | None = None,
    ) -> AsyncPages[models.UsageRow]:
        """Add up what was spent, by group (`agent,model`) and interval (`day`)."""
        query = {
            "from": start, "to": end, "group_by": group_by, "interval": interval,
            "timezone": timezone, "limit": limit, **(only or {}),
        }  # fmt: skip
        return AsyncPages(self._api, models.UsageRow, "usage", query=query)

    def records(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        reservation_id: str | None = None,
        only: dict[str, str] | None = None,
        limit: int | None = None,
    ) -> AsyncPages[models.UsageRecord]:
        """List the records, newest first."""
        query = {
            "from": start, "to": end, "reservation_id": reservation_id, "limit": limit,
            **(only or {}),
        }  # fmt: skip
        return AsyncPages(self._api, models.UsageRecord, "usage", "records", query=query)

    async def reverse(self, record_id: str, *, reason: str | None = None) -> models.UsageRecord:
        """Undo a spend once, on every budget that counted it."""
        return await self._api.fetch(
            models.UsageRecord,
            request("POST", "usage", record_id, "reverse", body={"reason": reason}),
        )

    def export(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        format: str = "csv",  # noqa: A002 (the name of the API)
    ) -> AsyncIterator[str]:
        """Export the log as `csv`, `jsonl` or `focus`, a page of text at a time."""
        return export(self._api, "usage", start=start, end=end, format=format)


class AsyncRefusals(AsyncResource):
    """`/v1/refusals`."""

    def list(
        self,
        *,
        subject: str | None = None,
        start: str | None = None,
        end: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[models.Refusals]:
        """List refused reservations by minute, budget, subject and code, newest first."""
        query = {"subject": subject, "from": start, "to": end, "limit": limit}
        return AsyncPages(self._api, models.Refusals, "refusals", query=query)
