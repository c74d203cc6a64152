"""The holder of a lease: which calls it admits, and what it asks the service for next.

The caller passes the time of a monotonic clock, keeps a lock around every method, sends the steps
and hands their outcomes back; one step is in flight at a time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from spendgate._deliveries import is_temporary
from spendgate._leases.amounts import Units, fits, units_of
from spendgate._leases.lines import LINES_MAX, CallInfo
from spendgate._leases.pricing import Price, units_of_usage
from spendgate._leases.steps import Extend, Open, Report, Step
from spendgate._leases.tenure import Admission, Tenure, read_period_end
from spendgate._leases.tenures import LeaseTerms, Tenures
from spendgate._requests import new_key
from spendgate.errors import (
    APIStatusError,
    BudgetRefused,
    NotFoundError,
    ReservationExpired,
    ReservationFinalized,
    SpendgateError,
)
from spendgate.usage import Usage

_log = logging.getLogger("spendgate")

_MODELS_MAX = 20
_ASK_AGAIN_SECONDS = 1.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
_LOST = (NotFoundError, ReservationExpired, ReservationFinalized)


class NotLeasable(Exception):
    """The service sent no price for the usage: only it can decide on the call."""


@dataclass(eq=False, slots=True)
class Waiter:
    """A call that waits for room; `estimate` is None until the price of its usage is known."""

    estimate: Units | None
    usage: Usage | None
    admitted: Future[Admission] = field(default_factory=Future)

    @property
    def model(self) -> str:
        """The name under which the price of its usage is asked for."""
        assert self.usage is not None, "an estimate in amounts needs no price"
        return model_name(self.usage)

    def fail(self, error: BaseException) -> None:
        """Refuse it."""
        if self.admitted.set_running_or_notify_cancel():
            self.admitted.set_exception(error)


def model_name(usage: Usage) -> str:
    """The model of a usage among all providers'."""
    return f"{usage.provider}/{usage.model}"


class Holder:
    """The lease of one set of subjects."""

    def __init__(
        self,
        subjects: Mapping[str, str],
        terms: LeaseTerms,
        prices: dict[str, Price | None] | None = None,
    ) -> None:
        self.subjects = subjects
        self.terms = terms
        self.wants_step = False
        """Whether a step may be due before `wakes_at` said."""
        self.prices: dict[str, Price | None] = {} if prices is None else prices
        """By `provider/model`; None for a model that the service has no price for."""
        self._models: dict[str, None] = {}
        """Those whose prices are renewed, the last ones used."""
        self.is_closed = False
        self._reset()

    def _reset(self) -> None:
        self._tenures = Tenures(self.terms, self.subjects)
        self._waiting: deque[Waiter] = deque()
        self._running: tuple[Step, float, Waiter | None] | None = None
        self._waiters_turn_is_over = False
        """Calls that wait and what is due without them take turns."""
        self._asks_only_for_need = False
        self._asks_ahead_at = 0.0
        self._failures = 0
        self._retry_at = 0.0

    def admit(self, estimate: Units, now: float) -> Admission | None:
        """Admit a call if the lease has room for its estimate; ask ahead at a quarter left."""
        tenure = self._tenures.current
        if tenure is None:
            return None
        call = tenure.admit(estimate, now, self.terms.max_call_seconds)
        if call is not None and not self.wants_step and now >= self._asks_ahead_at:
            left, low = tenure.left, self._tenures.demand.low
            for unit in estimate:
                if left.get(unit, 0) < low.get(unit, 0):
                    self.wants_step = True
        return call

    def estimate_of(self, usage: Usage) -> Units | None:
        """What a usage comes to by the service's price; None if no response had one."""
        model = model_name(usage)
        price = self.prices.get(model)
        if model not in self._models:
            self._models[model] = None
            if len(self._models) > _MODELS_MAX:
                del self._models[next(iter(self._models))]
        return None if price is None else units_of_usage(usage, price)

    def wait(self, estimate: Units | None, usage: Usage | None) -> Waiter:
        """Let a call wait until the service grants room for it, or refuses."""
        waiter = Waiter(estimate, usage)
        if self.is_closed:
            waiter.fail(SpendgateError("the lease is closed"))
            return waiter
        self._waiting.append(waiter)
        self.wants_step = True
        return waiter

    def settle(self, call: Admission, actual: Units, info: CallInfo) -> bool:
        """Count what a call came to; False if it has ended before."""
        if not call.is_open:
            return False
        tenure = call.tenure
        tenure.spend(call, actual, info)
        if tenure is not self._tenures.current:
            self._tenures.restore(tenure)
            self.wants_step = True
        elif len(tenure.lines) >= LINES_MAX:
            self.wants_step = True
        return True

    def release(self, call: Admission) -> None:
        """Give back what a call was admitted for: nothing was spent."""
        call.tenure.end(call)
        if call.tenure is not self._tenures.current:
            self.wants_step = True

    def leave(self, call: Admission, now: float) -> None:
        """What the call spent is unknown: its estimate stays blocked as long as a hold lasts."""
        if call.is_open:
            call.is_open = False
            call.blocks_until = min(call.blocks_until, now + self.terms.ttl_seconds)

    def retire(self) -> None:
        """Admit nothing more from what is held; it goes back as calls end."""
        if self._tenures.current is not None:
            self._tenures.retire(self._tenures.current)
            self.wants_step = True

    def after_fork(self) -> None:
        """Leave what is held, and the calls that it admitted, to the parent."""
        for tenure in self._tenures:
            tenure.disown()
        self._reset()

    def close(self) -> None:
        """Admit nothing more at all."""
        self.is_closed = True
        self._retry_at = 0.0
        self.wants_step = True
        self.retire()
        self._fail_waiting(SpendgateError("the lease is closed"))

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing, and no call waits."""
        return self._running is None and not self._waiting and not any(self._tenures)

    @property
    def left(self) -> dict[str, int]:
        """What may be admitted without asking."""
        tenure = self._tenures.current
        return {} if tenure is None else dict(tenure.left)

    @property
    def is_drained(self) -> bool:
        """Whether all was reported and given back, but what calls that still run block."""
        return self._running is None and self._tenures.is_drained

    def next_step(self, now: float) -> Step | None:
        """The step that is due; nothing is due while another one is in flight."""
        if self._running is not None:
            return None
        self.wants_step = False
        self._tenures.tidy(now)
        self._grant_waiting(now)
        waiter = self._waiting[0] if self._waiting else None
        step, served = self._upkeep(now, waiter), None
        if step is None and waiter is not None:
            step, served = self._step_for(waiter, now), waiter
        self._waiters_turn_is_over = served is not None
        if step is not None:
            self._running = step, now, served
        return step

    def wakes_at(self, now: float) -> float | None:
        """When a step may be due next, if nothing happens before; None if there is nothing."""
        if self._running is not None:
            return None
        if self._waiting or self.wants_step:
            return now
        moments = self._tenures.moments()
        return max(min(moments), self._retry_at) if moments else None

    def succeeded(self, step: Step, response: Mapping[str, Any], now: float) -> None:
        """Take note of a response."""
        asked_at, waiter = self._finish(step)
        self._failures, self._retry_at = 0, 0.0
        if isinstance(step, Report):
            self._tenures.confirm(step)
            return
        self._read(response, now)
        if isinstance(step, Open):
            tenure = self._tenures.open(response, asked_at=asked_at)
        else:
            tenure = self._tenures.by_id(step.reservation_id)
            if step.amounts is not None:
                tenure.granted_to(step.amounts)
                self._asks_only_for_need = False
            for model in step.models:
                self.prices.setdefault(model, None)
        tenure.renewed(
            asked_at=asked_at,
            ttl_seconds=self.terms.ttl_seconds,
            period_ends_at=read_period_end(response, asked_at=asked_at),
        )
        if isinstance(step, Open):
            self._admit_first(tenure, waiter, now)
        if self.is_closed:
            self.retire()
        self._grant_waiting(now)

    def failed(self, step: Step, error: Exception, now: float) -> None:
        """Take note that a step failed; nothing is admitted that was not granted."""
        _, waiter = self._finish(step)
        if not isinstance(error, APIStatusError) or (
            is_temporary(error) and not isinstance(error, BudgetRefused)
        ):
            self._retry_at = now + _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
            self._failures += 1
            _log.warning("spendgate: the lease on %s waits: %s", self.subjects, error)
            if not isinstance(step, Report):
                self._fail_waiting(error)
            return
        self._failures, self._retry_at = 0, 0.0
        if isinstance(error, ReservationFinalized) and not isinstance(step, Open):
            self._finalized(step, error)
        elif isinstance(step, Report):
            _log.error("spendgate: %s is refused: %s", step.delivery.target, error)
            self._tenures.confirm(step)
        elif isinstance(step, Extend) and isinstance(error, _LOST):
            _log.info("spendgate: %s is replaced: %s", step.reservation_id, error)
            self._end_tenure(step)
        elif waiter is None:
            self._asks_ahead_at = now + _ASK_AGAIN_SECONDS
            if not isinstance(error, BudgetRefused):
                _log.warning("spendgate: the lease on %s waits: %s", self.subjects, error)
                self._retry_at = now + _ASK_AGAIN_SECONDS
        elif isinstance(step, Extend) and step.amounts and not self._asks_only_for_need:
            self._asks_only_for_need = True
        else:
            self._asks_only_for_need = False
            self._refuse(waiter, error)

    def _finalized(self, step: Extend | Report, error: ReservationFinalized) -> None:
        """Record what was spent and is not counted: an admin ended the lease, for example."""
        tenures = self._tenures
        if isinstance(step, Report):
            tenure = tenures.of_report(step)
        else:
            tenure = tenures.by_id(step.reservation_id)
        _log.warning("spendgate: %s was ended by another: %s", tenure.reservation_id, error)
        counted = error.error.get("reservation", {}).get("actual") or {}
        tenures.finalized(tenure, units_of(counted))

    def _end_tenure(self, step: Extend) -> None:
        """Replace a reservation that cannot grow; one that cannot be renewed is lost, too."""
        tenure = self._tenures.by_id(step.reservation_id)
        if step.amounts is None:
            self._tenures.lose(tenure)
        else:
            self._tenures.retire(tenure)

    def _upkeep(self, now: float, waiter: Waiter | None) -> Step | None:
        """What is due without a call that waits: renewals first, the others in turn with it."""
        if now < self._retry_at:
            return None
        step = self._tenures.renewal(now, tuple(self._models))
        if step is None and waiter is None and now >= self._asks_ahead_at:
            step = self._tenures.ask_ahead(now)
        if step is None and (waiter is None or self._waiters_turn_is_over):
            step = self._tenures.report(now)
        return step

    def _step_for(self, waiter: Waiter, now: float) -> Step:
        tenures, tenure = self._tenures, self._tenures.current
        if tenure is not None and waiter.estimate is None:
            return tenures.extend(tenure, models=(waiter.model,))
        if tenure is not None and waiter.estimate is not None:
            need = {unit: amount for unit, amount in waiter.estimate.items() if amount}
            if need.keys() <= tenure.granted.keys():
                only_need = self._asks_only_for_need
                return tenures.with_room_for(tenure, need, now, only_need=only_need)
            self.retire()
        return Open(
            subjects=self.subjects,
            amounts=waiter.estimate if waiter.usage is None else None,
            usage=waiter.usage,
            ttl_seconds=self.terms.ttl_seconds,
            on_expiry=self.terms.on_expiry,
            metadata=self.terms.metadata,
            idempotency_key=new_key(),
        )

    def _finish(self, step: Step) -> tuple[float, Waiter | None]:
        assert self._running is not None and self._running[0] is step, "one step is in flight"
        _, asked_at, waiter = self._running
        self._running = None
        self.wants_step = True
        return asked_at, waiter

    def _read(self, response: Mapping[str, Any], now: float) -> None:
        self._tenures.demand.read(response, now)
        self.prices.update(response.get("prices", {}))

    def _admit_first(self, tenure: Tenure, waiter: Waiter | None, now: float) -> None:
        """Admit the call that a lease was opened for: what is granted is its estimate."""
        assert waiter is not None, "a lease is opened for a call"
        if waiter in self._waiting:  # closing refuses those that wait
            self._waiting.remove(waiter)
            self._take(tenure, waiter, dict(tenure.granted), now)

    def _grant_waiting(self, now: float) -> None:
        """Admit those that there is room for, in their order."""
        for waiter in list(self._waiting):
            if waiter.admitted.cancelled() or not self._is_priced(waiter):
                self._waiting.remove(waiter)
                continue
            tenure = self._tenures.current
            if tenure is None or waiter.estimate is None or now >= tenure.admit_until:
                continue
            if fits(waiter.estimate, tenure.left):
                self._waiting.remove(waiter)
                self._take(tenure, waiter, waiter.estimate, now)

    def _is_priced(self, waiter: Waiter) -> bool:
        """Price the usage of a call; False, and refused, if only the service can do that."""
        if waiter.estimate is None and waiter.model in self.prices:
            assert waiter.usage is not None, "only a usage is priced"
            waiter.estimate = self.estimate_of(waiter.usage)
            if waiter.estimate is None:
                waiter.fail(NotLeasable(waiter.model))
                return False
        return True

    def _take(self, tenure: Tenure, waiter: Waiter, estimate: Units, now: float) -> None:
        if waiter.admitted.set_running_or_notify_cancel():
            waiter.admitted.set_result(tenure.take(estimate, now, self.terms.max_call_seconds))

    def _refuse(self, waiter: Waiter, error: Exception) -> None:
        """Refuse a call, and those that wait for as much or more."""
        for other in list(self._waiting):
            if other is waiter or _asks_for_as_much(other, waiter):
                self._waiting.remove(other)
                other.fail(error)

    def _fail_waiting(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            waiter.fail(error)


def _asks_for_as_much(other: Waiter, refused: Waiter) -> bool:
    if other.estimate is None or refused.estimate is None:
        return other.usage is not None and other.usage == refused.usage
    return fits(refused.estimate, other.estimate)
