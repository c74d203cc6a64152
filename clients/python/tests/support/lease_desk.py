"""A lease holder with its authority in memory; time passes only when a test lets it."""

from __future__ import annotations

from typing import Any

from spendgate._leases.amounts import units_of
from spendgate._leases.holder import Holder
from spendgate._leases.lines import NO_INFO
from spendgate._leases.steps import Report, Step
from spendgate._leases.tenure import Admission
from spendgate._leases.tenures import LeaseTerms
from spendgate.errors import SpendgateError
from tests.support.authority import Authority

USD = "usd"


def usd(amount: str) -> dict[str, int]:
    """An amount in usd."""
    return units_of({USD: amount})


class Desk:
    """A holder, its authority and the time."""

    def __init__(self, limit: str = "100", **terms: Any) -> None:
        self.now = 1000.0
        self.authority = Authority(lambda: self.now, usd=limit)
        self.holder = Holder({"agent": "a"}, LeaseTerms(**terms))

    def work(self) -> None:
        """Take the steps that are due."""
        while (step := self.holder.next_step(self.now)) is not None:
            self.take(step)

    def take(self, step: Step) -> None:
        """Take a step."""
        request = step.delivery.request() if isinstance(step, Report) else step.request()
        try:
            reply = self.authority.send(request)
        except SpendgateError as error:
            self.holder.failed(step, error, self.now)
        else:
            self.holder.succeeded(step, reply.json(), self.now)

    def admit(self, amount: str = "1") -> Admission:
        """Admit a call; raises what the holder refuses it with."""
        call = self.holder.admit(usd(amount), self.now)
        if call is not None:
            return call
        waiter = self.holder.wait(usd(amount), None)
        self.work()
        return waiter.admitted.result(timeout=0)

    def settle(self, call: Admission, amount: str = "1") -> None:
        """Settle a call that is open."""
        assert self.holder.settle(call, usd(amount), NO_INFO)

    def call(self, amount: str = "1") -> None:
        """Admit a call, and settle it at its estimate."""
        self.settle(self.admit(amount), amount)

    def wait(self, seconds: float) -> None:
        """Let time pass, with every step at its moment."""
        end = self.now + seconds
        while True:
            self.work()
            due = self.holder.wakes_at(self.now)
            if due is None or due > end:
                break
            assert due > self.now, "a holder with nothing to do must not ask to be woken at once"
            self.now = due
        self.now = end

    def drain(self) -> None:
        """Close the lease."""
        self.holder.close()
        self.wait(0)
