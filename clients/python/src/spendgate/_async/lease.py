"""Leases: calls are admitted from a block that is held, mostly without a request."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from spendgate import _subjects
from spendgate._async import _io
from spendgate._async._http import AsyncAPI
from spendgate._async.client import AsyncSpendgate
from spendgate._async.hold import AsyncHold
from spendgate._lease_engine import SharedLease
from spendgate._leases.amounts import ONE, Units, units_of
from spendgate._leases.holder import NotLeasable
from spendgate._leases.lines import CallInfo
from spendgate._leases.pricing import TOKENS
from spendgate._leases.tenure import Admission
from spendgate._leases.tenures import LeaseTerms
from spendgate._requests import Amounts
from spendgate._runtime import Runtime
from spendgate._settings import refuse_leases_in_lambda
from spendgate.usage import Usage

_log = logging.getLogger("spendgate")

_CLOSE_SECONDS = 5.0


class AsyncLeasedCall(AsyncHold):
    """A call that a lease admitted: what it spends is reported with the lease's next capture.

    It is used as a hold is. A call that ends without `settle` or `release` blocks its estimate for
    as long as a hold would.
    """

    def __init__(
        self,
        runtime: Runtime,
        api: AsyncAPI,
        lease: SharedLease,
        admission: Admission,
        *,
        subjects: Mapping[str, str],
        usage: Usage | None,
        amounts: Amounts | None,
        metadata: Mapping[str, Any] | None,
    ) -> None:
        super().__init__(runtime, api, None, subjects=subjects, usage=usage, amounts=amounts)
        self._lease = lease
        self._admission = admission
        self._metadata = metadata
        self.id = admission.tenure.reservation_id

    @property
    def is_local(self) -> bool:
        """A lease holds what the service granted."""
        return False

    def start_heartbeat(self, owner: object, ttl_seconds: int) -> None:
        """The lease is renewed while its calls run."""

    async def extend(self, ttl_seconds: int) -> None:
        """The lease is renewed while its calls run."""

    async def settle(
        self,
        *,
        actual: Amounts | None = None,
        usage: Usage | None = None,
        provider_usage: object = None,
        meter_source: str | None = None,  # noqa: ARG002 (lines of the usage log do not say it)
        ref_type: str | None = None,
        ref_id: str | None = None,
        description: str | None = None,
    ) -> None:
        """Report what was spent; a unit that is not named settles at its estimate."""
        if provider_usage is not None:
            usage = self._read(provider_usage)
        if actual is not None and usage is not None:
            raise ValueError("pass actual or usage, not both")
        self._count(actual, usage, ref_type=ref_type, ref_id=ref_id, description=description)

    def settle_later(
        self,
        *,
        actual: Amounts | None = None,
        usage: Usage | None = None,
        meter_source: str | None = None,  # noqa: ARG002 (lines of the usage log do not say it)
        ref_type: str | None = None,
        ref_id: str | None = None,
    ) -> None:
        """Settle from where nothing can be awaited."""
        self._count(actual, usage, ref_type=ref_type, ref_id=ref_id)

    async def release(self) -> None:
        """Give the hold back; only if it is certain that nothing was spent."""
        self._finished = True
        self._lease.release(self._admission)

    def leave(self) -> None:
        """What happened is unknown: the estimate stays blocked for as long as a hold lasts."""
        self._finished = True
        self._lease.leave(self._admission)

    def _count(
        self,
        actual: Amounts | None,
        usage: Usage | None,
        *,
        ref_type: str | None,
        ref_id: str | None,
        description: str | None = None,
    ) -> None:
        self._finished = True
        metadata = self._metadata
        if description is not None:
            metadata = {**(metadata or {}), "description": description}
        units = self._units(actual, usage)
        if usage is None and self._usage is not None:
            usage = Usage(provider=self._usage.provider, model=self._usage.model)
        info = CallInfo(self.subjects, usage, ref_type, ref_id, metadata)
        if not self._lease.settle(self._admission, units, info):
            _log.warning("spendgate: a call of %s was settled before", self.id)

    def _units(self, actual: Amounts | None, usage: Usage | None) -> Units:
        if actual is not None:
            return units_of(actual)
        if usage is None:
            return {}
        units = self._lease.estimate_of(usage)
        if units is None:
            _log.warning("spendgate: %s cannot be priced: its tokens are reported", usage.model)
            return {TOKENS: usage.total_tokens * ONE}
        return units


class AsyncLease:
    """A block that calls are admitted from; it follows their rate, and is given back at the end."""

    def __init__(
        self, client: AsyncSpendgate, lease: SharedLease, subjects: Mapping[str, str]
    ) -> None:
        self._client = client
        self._lease = lease
        self._subjects = subjects

    def admit(
        self,
        *,
        amounts: Amounts | None = None,
        usage: Usage | None = None,
        metadata: Mapping[str, Any] | None = None,
        **subjects: object,
    ) -> _io.Pending[AsyncHold]:
        """Admit a call; raises BudgetExceeded if neither the lease nor the budgets have room.

        It asks the service only where the lease has no room. `subjects` beside those of the lease
        ride in the usage log; one that has budgets of its own makes the call a plain reservation.
        """
        merged = self._subjects
        if not _subjects.adds_nothing(subjects):
            merged = _subjects.merged(merged, subjects)
        return _io.pending(
            lambda: self._client._reserve(
                merged, amounts=amounts, usage=usage, metadata=metadata, lease=self._lease
            )
        )

    @property
    def left(self) -> dict[str, Decimal]:
        """What may be admitted without asking the service."""
        return {unit: Decimal(amount).scaleb(-9) for unit, amount in self._lease.left.items()}

    async def aclose(self) -> None:
        """Report what was spent and give back what is left; calls that run settle later."""
        engine = self._client._runtime.leases.engine
        if not await _io.run_blocking(engine.drain, self._lease, _CLOSE_SECONDS):
            _log.warning("spendgate: the lease is given back in the background")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


async def open_lease(
    runtime: Runtime,
    terms: LeaseTerms,
    amounts: Amounts | None,
    subjects: Mapping[str, object],
) -> AsyncLease:
    """Make a lease, and take its first block; raises BudgetRefused if that is refused."""
    refuse_leases_in_lambda()
    client = AsyncSpendgate._of(runtime)
    merged = _subjects.merged(runtime.settings.subjects, subjects)
    lease = runtime.leases.new(terms, merged)
    if amounts is not None:
        lease.release(await _admission(lease, amounts, None))
    return AsyncLease(client, lease, merged)


async def admit(
    runtime: Runtime,
    api: AsyncAPI,
    lease: SharedLease | None,
    subjects: Mapping[str, str],
    *,
    amounts: Amounts | None,
    usage: Usage | None,
    metadata: Mapping[str, Any] | None,
) -> AsyncLeasedCall | None:
    """Admit a call from a lease, by default from that of its subjects.

    None if only a reservation of its own can judge it: it has a minimum, no price that the service
    sent, or subjects that the lease does not cover.
    """
    if (amounts is None) == (usage is None) or (usage and usage.min_output_tokens is not None):
        return None
    book = runtime.leases
    if lease is None:
        lease = book.find(subjects, usage)
    elif not book.covers(lease, subjects):
        return None
    try:
        admission = await _admission(lease, amounts, usage)
    except NotLeasable:
        return None
    return AsyncLeasedCall(
        runtime,
        api,
        lease,
        admission,
        subjects=subjects,
        usage=usage,
        amounts=amounts,
        metadata=metadata,
    )


async def _admission(lease: SharedLease, amounts: Amounts | None, usage: Usage | None) -> Admission:
    estimate: Units | None = units_of(amounts) if amounts is not None else None
    if usage is not None:
        estimate = lease.estimate_of(usage)
    if estimate is not None:
        call = lease.admit(estimate)
        if call is not None:
            return call
    waiter = lease.wait(estimate, usage)
    try:
        return await _io.result_of(waiter.admitted)
    except _io.Interrupted:
        lease.abandon(waiter)
        raise
