"""Rules of leases, broken on purpose for the model to find."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.requests import Capture
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.settlements import capture
from spendgate_service.settlements import captures
from spendgate_service.store import holds


def count_repeated_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that is repeated counts twice."""

    def counting(lease: Reservation, command: Capture, *, now_ms: int) -> Reservation:
        after = capture(lease, command, now_ms=now_ms)
        is_repeated = lease.state == "held" and command.captured == lease.captured
        if after is not lease or not is_repeated or not lease.captured:
            return after
        twice = {unit: total * 2 for unit, total in lease.captured.items()}
        return replace(lease, captured=twice, revision=lease.revision + 1)

    monkeypatch.setattr(captures, "capture", counting)


def count_the_last_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older capture that arrives later takes the place of a larger one."""

    def counting(lease: Reservation, command: Capture, *, now_ms: int) -> Reservation:
        after = capture(lease, command, now_ms=now_ms)
        if lease.state != "held" or not command.captured:
            return after
        captured = {**lease.captured, **command.captured}
        if captured == after.captured:
            return after
        return replace(after, captured=captured, revision=lease.revision + 1)

    monkeypatch.setattr(captures, "capture", counting)


def grow_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that moves to a later bucket grows without being judged."""
    for rule in holds._MOVING_CONDITIONS:
        monkeypatch.setitem(holds._MOVING_CONDITIONS, rule, holds.CAN_MOVE)


def charge_what_was_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A charge counts what was given back as well."""

    def counted(lease: Reservation) -> Mapping[str, Amount]:
        if lease.actual is not None or not lease.charged:
            return lease.captured if lease.actual is None else lease.actual
        captured = lease.captured
        whole = {unit: max(most, captured.get(unit, 0)) for unit, most in lease.amounts.items()}
        return {**captured, **whole}

    monkeypatch.setattr(Reservation, "counted", property(counted))


LEASE_RULES = (
    count_repeated_captures,
    count_the_last_capture,
    grow_past_the_limit,
    charge_what_was_returned,
)
