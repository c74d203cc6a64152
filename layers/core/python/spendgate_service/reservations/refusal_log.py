"""Fold refusals in memory, and write them once a minute at most: a hammered budget stays cheap.

The first refusal of a budget and subject is written at once; those of the next minute are counted
and written with a later one. What an environment still holds when it ends is lost: the counts that
are read are a lower bound. Writing never fails the request, and has one try.
"""

import logging
from collections.abc import Iterable
from threading import Lock

from spendgate_service.cache import BoundedCache
from spendgate_service.domain.errors import Violation
from spendgate_service.domain.refusals import Refusals
from spendgate_service.store.client import Table
from spendgate_service.store.errors import StoreError
from spendgate_service.store.refusals import minute_of, put_refusals

WRITTEN_EVERY_MS = 60_000

_log = logging.getLogger(__name__)

type _Key = tuple[str, str, str, str]


class RefusalLog:
    """The refusals of one environment: those to be written, and when each kind was last written."""

    def __init__(self, table: Table) -> None:
        self._table = table.trying_once()
        self._lock = Lock()
        self._pending = BoundedCache[_Key, Refusals]()
        self._written_at_ms = BoundedCache[_Key, int]()

    def note(
        self,
        tenant_id: str,
        violations: Iterable[Violation],
        *,
        code: str,
        request_id: str,
        now_ms: int,
    ) -> None:
        """Count a refusal by each budget that refused; write what is due. Mostly no call."""
        for violation in violations:
            due = self._folded(tenant_id, violation, code, request_id, now_ms)
            if due is not None:
                self._write(tenant_id, due)

    def _folded(
        self, tenant_id: str, violation: Violation, code: str, request_id: str, now_ms: int
    ) -> Refusals | None:
        """Add a refusal to those that wait; return them if they are to be written now."""
        key = tenant_id, violation.budget_id, violation.subject, code
        with self._lock:
            before = self._pending.get(key)
            folded = Refusals(
                minute=minute_of(now_ms),
                budget_id=violation.budget_id,
                subject=violation.subject,
                code=code,
                unit=violation.unit,
                count=1,
                requested_max=violation.requested,
                first_at_ms=now_ms,
                last_at_ms=now_ms,
                says=str(violation),
                request_id=request_id,
            )
            if before is not None:
                folded = folded.after(before)
            written_at_ms = self._written_at_ms.get(key)
            if written_at_ms is not None and now_ms - written_at_ms < WRITTEN_EVERY_MS:
                self._pending[key] = folded
                return None
            self._written_at_ms[key] = now_ms
            self._pending.pop(key, None)
            return folded

    def _write(self, tenant_id: str, refusals: Refusals) -> None:
        try:
            put_refusals(self._table, tenant_id, refusals)
        except StoreError as error:
            _log.warning("refusals were not written: %s", error)
