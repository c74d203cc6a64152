"""A small authority in memory, with the lease operations of the service: exact and instant."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate._deliveries import Delivery
from spendgate._leases.amounts import add, text_of, texts_of, units_of
from spendgate._leases.pricing import units_of_usage
from spendgate._requests import Reply, Request
from spendgate.errors import APIConnectionError, status_error
from spendgate.usage import Usage

REAL_MARGIN = 1.0
"""How much later than its end a hold is given to others."""


@dataclass
class Held:
    """One reservation."""

    subjects: Mapping[str, str]
    ends_at: float
    granted: dict[str, int]
    captured: dict[str, int] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)
    is_closed: bool = False
    is_ended_by_admin: bool = False
    late: bool = False
    may_grow: bool = True

    def held(self, unit: str) -> int:
        """What it still holds."""
        taken = self.captured.get(unit, 0) + self.returned.get(unit, 0)
        return 0 if self.is_closed else max(0, self.granted.get(unit, 0) - taken)


class Authority:
    """One budget per unit, for every subject."""

    def __init__(self, clock: Callable[[], float], **limits: str) -> None:
        self.clock = clock
        self.limits = units_of(limits)
        self.holds: dict[str, Held] = {}
        self.by_key: dict[str, str] = {}
        self.recorded: dict[str, dict[str, int]] = {}
        """What was spent without a reservation, by idempotency key."""
        self.lines: list[Mapping[str, Any]] = []
        self.calls: list[str] = []
        self.prices: dict[str, Any] = {}
        self.budgeted_types = ["agent"]
        self.is_away = False
        self.period_ends_at: float | None = None

    def spent(self, unit: str = "usd") -> int:
        """What was captured and recorded in all."""
        captured = sum(hold.captured.get(unit, 0) for hold in self.holds.values())
        return captured + sum(spend.get(unit, 0) for spend in self.recorded.values())

    def held(self, unit: str = "usd") -> int:
        """What is held in all, as another caller sees it."""
        now = self.clock()
        return sum(
            hold.held(unit) for hold in self.holds.values() if now < hold.ends_at + REAL_MARGIN
        )

    def available(self, unit: str = "usd") -> int:
        """What can be granted now."""
        return self.limits[unit] - self.spent(unit) - self.held(unit)

    def send(self, request: Request) -> Reply:
        """Answer a request of a holder; raises SpendgateError."""
        if self.is_away:
            raise APIConnectionError("the authority is away")
        body = json.loads(request.content or b"{}")
        *_, target, action = request.path.split("/")
        self.calls.append("reserve" if action == "reservations" else action)
        if action == "reservations":
            return self._reserve(body, request.headers["Idempotency-Key"])
        if action == "spend":
            self.recorded[request.headers["Idempotency-Key"]] = units_of(body["actual"])
            return Reply(201, {}, "{}")
        hold = self.holds[target]
        if hold.is_ended_by_admin:
            return self._after_the_end(hold, action, body)
        if action == "extend":
            return self._extend(hold, body)
        if action == "capture":
            return self._capture(hold, body)
        if action == "settle":
            hold.captured = {**hold.granted, **units_of(body.get("actual", {}))}
        hold.is_closed = True
        return Reply(200, {}, "{}")

    def deliver(self, delivery: Delivery) -> None:
        """Take a report."""
        self.send(delivery.request())

    def _reserve(self, body: Mapping[str, Any], key: str) -> Reply:
        if key not in self.by_key:
            asked = self._asked(body)
            self._judge(asked)
            self.by_key[key] = f"res_{len(self.holds)}"
            ends_at = self.clock() + body["ttl_seconds"]
            self.holds[self.by_key[key]] = Held(body["subjects"], ends_at, dict(asked))
        hold = self.holds[self.by_key[key]]
        model = [f"{body['usage']['provider']}/{body['usage']['model']}"] if "usage" in body else []
        amounts = texts_of(hold.granted)
        return self._reply(model, reservation_id=self.by_key[key], amounts=amounts)

    def _asked(self, body: Mapping[str, Any]) -> dict[str, int]:
        if "usage" not in body:
            return units_of(body["amounts"])
        counts = {**body["usage"]}
        usage = Usage(**counts)
        units = units_of_usage(usage, self.prices[f"{usage.provider}/{usage.model}"])
        assert units is not None
        return units

    def _extend(self, hold: Held, body: Mapping[str, Any]) -> Reply:
        if hold.is_closed or self.clock() >= hold.ends_at:
            raise _error(409, "reservation_expired")
        totals = units_of(body.get("amounts") or {})
        more = {unit: total - hold.granted.get(unit, 0) for unit, total in totals.items()}
        more = {unit: amount for unit, amount in more.items() if amount > 0}
        if more and not hold.may_grow:
            raise _error(409, "reservation_expired")
        self._judge(more)
        add(hold.granted, more)
        hold.ends_at = self.clock() + body["ttl_seconds"]
        return self._reply(models=body.get("models", ()))

    def _capture(self, hold: Held, body: Mapping[str, Any]) -> Reply:
        since = units_of(body.get("since", {}))
        actual = units_of(body["actual"])
        explained = dict(since)
        for line in body.get("entries", ()):
            add(explained, units_of(line["amounts"]))
        is_new = any(total > hold.captured.get(unit, 0) for unit, total in actual.items())
        if is_new:
            known = {unit: amount for unit, amount in hold.captured.items() if amount}
            assert {unit: amount for unit, amount in since.items() if amount} == known
            assert {u: a for u, a in explained.items() if a} == {
                u: a for u, a in actual.items() if a
            }
            self.lines += body.get("entries", ())
        hold.late = hold.late or (is_new and self.clock() >= hold.ends_at)
        for totals, reported in (
            (hold.captured, actual),
            (hold.returned, units_of(body.get("returned", {}))),
        ):
            for unit, total in reported.items():
                totals[unit] = max(total, totals.get(unit, 0))
        return Reply(200, {}, "{}")

    def release(self, reservation_id: str) -> None:
        """Release a reservation while its holder spends from it, as an admin may."""
        hold = self.holds[reservation_id]
        hold.is_closed = hold.is_ended_by_admin = True

    def _after_the_end(self, hold: Held, action: str, body: Mapping[str, Any]) -> Reply:
        totals = units_of(body.get("actual", {}))
        is_above = any(total > hold.captured.get(unit, 0) for unit, total in totals.items())
        if action == "extend" or (action == "capture" and is_above):
            reservation = {"actual": texts_of(hold.captured)}
            raise _error(409, "reservation_finalized", reservation=reservation)
        return Reply(200, {}, "{}")

    def _judge(self, asked: Mapping[str, int]) -> None:
        for unit, amount in asked.items():
            if unit in self.limits and amount > self.available(unit):
                raise _error(429, "rate_limit_exceeded", type="budget_exceeded")

    def _reply(self, models: Any = (), **fields: Any) -> Reply:
        body = {
            **fields,
            "budgets": [self._balance(unit) for unit in self.limits],
            "budgeted_types": self.budgeted_types,
            "prices": {name: self.prices[name] for name in models if name in self.prices},
        }
        return Reply(200, {}, json.dumps(body))

    def _balance(self, unit: str) -> dict[str, Any]:
        ends_at = self.period_ends_at
        return {
            "unit": unit,
            "available": text_of(self.available(unit)),
            "period": {"type": "none" if ends_at is None else "calendar"},
            "resets_in_seconds": None if ends_at is None else max(1, int(ends_at - self.clock())),
        }


def _error(status: int, code: str, **fields: Any) -> Exception:
    return status_error(status, {"error": {"code": code, "message": code, **fields}}, {})
