"""Applications that spend from one hot budget: by a reservation per call, or by leases.

Leases follow the rules of the Python client: its holders run here as they do there.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

from spendgate._leases.amounts import ONE, parsed, text_of
from spendgate._leases.demand import Demand
from spendgate._leases.holder import Holder
from spendgate._leases.lines import NO_INFO
from spendgate._leases.steps import Open, Report, Step
from spendgate._leases.tenure import Admission
from spendgate._leases.tenures import LeaseTerms
from spendgate.errors import BudgetExceeded

from bench.lease_service import Clock, Service

USD = "usd"

CALL_SECONDS = 2.0
"""How long calls to a model last on average."""

ESTIMATE = ONE

ACTUAL_SHARES = (0.3, 1.0)
"""A call comes to so much of its estimate, evenly."""

NETWORK_MS = 10.0
"""From a client to the service, one way."""


class FixedDemand(Demand):
    """Blocks of one size, at any rate: for comparison."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def sizes(
        self,
        tenure: Any,  # noqa: ARG002 (what a size by the rate needs)
        tenures: Any,  # noqa: ARG002 (the same)
        now: float,  # noqa: ARG002 (the same)
    ) -> dict[str, int]:
        """Return the size."""
        self.low = {USD: self._size // 4}
        return {USD: self._size}


class Client:
    """An application whose calls arrive at random; `handle` starts each."""

    def __init__(self, clock: Clock, service: Service, chance: random.Random) -> None:
        self.clock, self.service, self.chance = clock, service, chance
        self.outcome = service.outcome
        self.is_alive = True
        self.asks = True
        self.others: Sequence[Client] = ()

    def arrive(self, per_second: float) -> None:
        """Let calls arrive from now on."""

        def one_call() -> None:
            if self.asks and self.is_alive:
                actual = int(self.chance.uniform(*ACTUAL_SHARES) * ESTIMATE)
                self.outcome.asked += 1
                self.outcome.demanded += actual
                self.call(actual, self.clock.now)
                self.clock.after(self.chance.expovariate(per_second / 1000), one_call)

        self.clock.after(self.chance.expovariate(per_second / 1000), one_call)

    def call(self, actual: int, asked_at: float) -> None:
        """Make a call if it is admitted."""
        raise NotImplementedError

    @property
    def idle_amount(self) -> int:
        """What it holds without use."""
        return 0

    def admitted(self, asked_at: float) -> float:
        """Count a call that begins now; return how long it lasts."""
        self.outcome.admitted += 1
        self.outcome.waited_ms.append(self.clock.now - asked_at)
        return self.chance.expovariate(1 / CALL_SECONDS) * 1000

    def refused(self, error: BaseException) -> None:
        """Count a call that is not made, and what all hold without use when one first is not."""
        if isinstance(error, BudgetExceeded):
            self.outcome.refused += 1
            if self.outcome.stranded is None:
                self.outcome.stranded = sum(client.idle_amount for client in self.others)
        else:
            self.outcome.unavailable += 1


class PlainClient(Client):
    """Reserves each call, and settles it through the queue."""

    _numbers = count()

    def call(self, actual: int, asked_at: float) -> None:
        """Reserve, call, settle."""
        reservation_id = f"plain-{next(self._numbers)}"

        def answered(error: Exception | None) -> None:
            self.outcome.took("refusal" if isinstance(error, BudgetExceeded) else "reserve")
            if error is not None:
                self.refused(error)
                return
            self.clock.after(NETWORK_MS, begin)

        def begin() -> None:
            self.clock.after(self.admitted(asked_at), settle)

        def settle() -> None:
            if not self.is_alive:
                self.outcome.lost += actual
                return
            self.outcome.spent += actual
            self.outcome.took("settle")

            def apply() -> None:
                self.service.capture(reservation_id, actual, None)
                self.service.give_back(reservation_id)

            self.service.enqueue(apply)

        self.clock.after(
            NETWORK_MS, lambda: self.service.hold(reservation_id, ESTIMATE, 300, answered)
        )


class LeasingClient(Client):
    """Admits calls from a lease, by the rules of the Python client."""

    def __init__(
        self,
        clock: Clock,
        service: Service,
        chance: random.Random,
        *,
        fixed: int | None = None,
    ) -> None:
        super().__init__(clock, service, chance)
        self.holder = Holder({"agent": "a"}, LeaseTerms())
        if fixed is not None:
            self.holder._tenures.demand = FixedDemand(fixed)
        self._wakes_at: float | None = None

    def call(self, actual: int, asked_at: float) -> None:
        """Admit, call, settle."""
        estimate = {USD: ESTIMATE}
        call = self.holder.admit(estimate, self.clock.now / 1000)
        if call is not None:
            self._begin(call, actual, asked_at)
        else:
            waiter = self.holder.wait(estimate, None)
            waiter.admitted.add_done_callback(
                lambda admitted: self._answered(admitted, actual, asked_at)
            )
        self._work()

    @property
    def idle_amount(self) -> int:
        """What lies unused in the lease."""
        return sum(tenure.left.get(USD, 0) for tenure in self.holder._tenures)

    def _answered(self, admitted: Future[Admission], actual: int, asked_at: float) -> None:
        error = admitted.exception()
        if error is None:
            self._begin(admitted.result(), actual, asked_at)
        else:
            self.refused(error)

    def _begin(self, call: Admission, actual: int, asked_at: float) -> None:
        def settle() -> None:
            if not self.is_alive:
                self.outcome.lost += actual
                return
            self.holder.settle(call, {USD: actual}, NO_INFO)
            self.outcome.spent += actual
            self._work()

        self.clock.after(self.admitted(asked_at), settle)

    def _work(self) -> None:
        if not self.is_alive or not (self.holder.wants_step or self._is_due()):
            return
        step = self.holder.next_step(self.clock.now / 1000)
        if step is not None:
            self.clock.after(NETWORK_MS, lambda: self._serve(step))
            return
        wakes_at = self.holder.wakes_at(self.clock.now / 1000)
        if wakes_at is not None:
            self._wakes_at = max(wakes_at * 1000, self.clock.now + 20)
            self.clock.after(self._wakes_at - self.clock.now, self._work)

    def _is_due(self) -> bool:
        return self._wakes_at is not None and self.clock.now >= self._wakes_at

    def _serve(self, step: Step) -> None:
        if isinstance(step, Report):
            self._serve_report(step)
            return
        if isinstance(step, Open):
            reservation_id, before = step.idempotency_key, 0
            total = (step.amounts or {})[USD]
        else:
            reservation_id = step.reservation_id
            before = self.service.holds[reservation_id].granted
            total = before if step.amounts is None else step.amounts[USD]
        name = "open" if isinstance(step, Open) else "extend" if total > before else "renew"

        def answered(error: Exception | None) -> None:
            self.outcome.took("refusal" if isinstance(error, BudgetExceeded) else name)

            def respond() -> None:
                if error is not None:
                    self._failed(step, error)
                else:
                    response = self._response(reservation_id, total)
                    self.holder.succeeded(step, response, self.clock.now / 1000)
                self._work()

            self.clock.after(NETWORK_MS, respond)

        more = max(0, total - before)
        self.service.hold(reservation_id, more, self.holder.terms.ttl_seconds, answered)

    def _failed(self, step: Step, error: Exception) -> None:
        if self.is_alive:
            self.holder.failed(step, error, self.clock.now / 1000)

    def _serve_report(self, step: Report) -> None:
        delivery = step.delivery

        def done() -> None:
            if self.is_alive:
                self.holder.succeeded(step, {}, self.clock.now / 1000)
                self._work()

        if delivery.kind == "release":
            self.outcome.took("release")
            self.service.release(delivery.target, lambda: self.clock.after(NETWORK_MS, done))
            return
        captured = parsed(delivery.body["actual"].get(USD, "0"))
        returned = parsed(delivery.body.get("returned", {}).get(USD, "0"))
        self.outcome.took("last capture" if step.is_last else "capture")

        def apply() -> None:
            self.service.capture(delivery.target, captured, returned)
            if step.is_last:
                self.clock.after(NETWORK_MS, done)

        if step.is_last:
            self.service.transact(apply)
        else:
            self.service.enqueue(apply)
            self.clock.after(NETWORK_MS, done)

    def _response(self, reservation_id: str, total: int) -> Mapping[str, Any]:
        return {
            "reservation_id": reservation_id,
            "amounts": {USD: text_of(total)},
            "budgets": [
                {
                    "unit": USD,
                    "available": text_of(self.service.available),
                    "period": {"type": "none"},
                }
            ],
        }
