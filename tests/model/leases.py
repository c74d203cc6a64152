"""Commands of callers who reserve: plain reservations, and leases that are captured in parts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import rule

from spendgate_service.domain.reservations import OnExpiry
from tests.model.balances import in_billionths
from tests.model.comparing import (
    comes_as_foretold,
    on_wire,
    same_balances,
    same_end,
    same_lease,
    same_refusal,
    subjects,
    wish,
)
from tests.model.reported import refused_of
from tests.model.stage import Known, Stage
from tests.model.state import Amounts, Message, Refused, Report, Reservation
from tests.support.settlement_queue import capturing, finishing, send
from tests.support.strategies import AMOUNT, AMOUNTS, CALLER, ON_EXPIRY, REPORT, TTL

MESSAGE: st.SearchStrategy[Message] = st.none() | AMOUNTS | REPORT
CALLS = st.sampled_from([None, 1, 3])

type Act = Literal["grow", "again", "settle", "expire"]
ACT: st.SearchStrategy[Act] = st.sampled_from(["grow", "grow", "again", "settle", "expire"])


class Leases(Stage):
    """Reservations of the service and of the model, from the first request to the last report."""

    held = Stage.held

    @rule(target=held, caller=CALLER, amounts=AMOUNTS, ttl=TTL, on_expiry=ON_EXPIRY)
    def reserve(
        self, caller: Mapping[str, str], amounts: Amounts, ttl: int, on_expiry: OnExpiry
    ) -> Known:
        return self._reserve(caller, amounts, ttl, on_expiry=on_expiry)

    @rule(target=held, caller=CALLER, usd=AMOUNT, ttl=TTL)
    def reserve_money(self, caller: Mapping[str, str], usd: Decimal, ttl: int) -> Known:
        return self._reserve(caller, {"usd": usd}, ttl)

    @rule(target=held, caller=CALLER, unit=st.sampled_from(["usd", "tokens"]))
    def reserve_much(self, caller: Mapping[str, str], unit: str) -> Known:
        return self._reserve(caller, {unit: Decimal(7)}, 300)

    @rule(target=held, caller=CALLER, amounts=AMOUNTS, part=st.sampled_from(["0.01", "1", "10"]))
    def reserve_a_part(self, caller: Mapping[str, str], amounts: Amounts, part: str) -> Known:
        """Ask for ten times the amounts, and accept a thousandth, a tenth or only the whole."""
        much = {unit: 10 * amount for unit, amount in amounts.items()}
        least = {unit: in_billionths(amount * Decimal(part)) for unit, amount in amounts.items()}
        return self._reserve(caller, much, 300, least)

    def _reserve(
        self,
        caller: Mapping[str, str],
        amounts: Amounts,
        ttl: int,
        least: Amounts | None = None,
        *,
        on_expiry: OnExpiry = "release",
    ) -> Known:
        body = {**wish(caller, amounts), "ttl_seconds": ttl, "on_expiry": on_expiry}
        if least is not None:
            body["min_amounts"] = on_wire(least)
        foretold = self.party.done("POST", "/v1/check", body)
        answer = self.party.ask("POST", "/v1/reservations", body)
        comes_as_foretold(answer, foretold)
        judged = self.model.reserve_most(
            subjects(caller), amounts, least, ttl, charges=on_expiry == "charge"
        )
        if isinstance(judged, Refused):
            same_refusal(answer, judged)
            self._count("refused")
            self._wait(1)
            return None
        assert answer.status == 201, answer
        assert answer.body["amounts"] == on_wire(judged.amounts)
        views = [self.model.view(line.rule, line.subject) for line in judged.lines]
        same_balances(answer.body["budgets"], views)
        self._count("granted" if judged.amounts == amounts else "granted in part")
        return answer.body["reservation_id"], judged

    @rule(known=held, amounts=AMOUNTS)
    def settle(self, known: Known, amounts: Amounts) -> None:
        if known is None:
            return
        answer = self._finish(known, "settle", {"actual": on_wire(amounts)})
        done = self.model.settle(known[1], amounts)
        same_end(answer, known[1], done)
        self._count("settle")

    @rule(known=held)
    def release(self, known: Known) -> None:
        if known is None:
            return
        answer = self._finish(known, "release")
        same_end(answer, known[1], self.model.release(known[1]))
        self._count("release")

    @rule(chosen=st.lists(st.tuples(held, MESSAGE), min_size=1, max_size=5))
    def report_by_queue(self, chosen: list[tuple[Known, Message]]) -> None:
        """Settle, capture, or release where there is no amount, several in one batch."""
        self._send([(known, message) for known, message in chosen if known is not None])

    @rule(known=held, reports=st.lists(REPORT, min_size=2, max_size=3), actual=st.none() | AMOUNTS)
    def report_in_any_order(
        self, known: Known, reports: list[Report], actual: Amounts | None
    ) -> None:
        """Captures of one lease before and after its end, the first of them twice."""
        if known is not None:
            messages: list[Message] = [*reports, reports[0]]
            if actual is not None:
                messages.insert(1, actual)
            self._send([(known, message) for message in messages])

    def _send(self, batch: list[tuple[tuple[str, Reservation], Message]]) -> None:
        self.aside.message_ids.clear()
        send(
            self.service,
            [
                capturing(known[0], message.captured, message.returned)
                if isinstance(message, Report)
                else finishing(known[0], message)
                for known, message in batch
            ],
        )
        refused = [str(place) for place in refused_of(self.model, batch)]
        assert self.aside.message_ids == refused
        self._count("message")

    @rule(known=held, reports=st.lists(REPORT, min_size=1, max_size=3), calls=CALLS)
    def capture(self, known: Known, reports: list[Report], calls: int | None) -> None:
        """Report totals in any order, and the first of them again."""
        if known is not None:
            for report in (*reports, reports[0]):
                self._capture(known, report, calls)

    def _capture(
        self, known: tuple[str, Reservation], report: Report, calls: int | None = None
    ) -> None:
        """Report totals; with `calls` there is one entry, for all that is new."""
        lease = known[1]
        body: dict[str, Any] = {
            "actual": on_wire(report.captured),
            "returned": on_wire(report.returned),
        }
        new = {
            unit: more
            for unit, total in report.captured.items()
            if (more := total - lease.captured.get(unit, Decimal(0))) > 0
        }
        if calls and new:
            body["since"] = on_wire(lease.captured)
            body["entries"] = [{"amounts": on_wire(new), "calls": calls}]
        answer = self._finish(known, "capture", body)
        done = self.model.capture(lease, report, calls=calls or 1)
        same_lease(answer, lease, self.model.now_ms, status=200 if done else 409)
        self._count("capture" if done else "capture after the end")

    @rule(known=held, more=AMOUNTS, ttl=st.none() | TTL)
    def grow(self, known: Known, more: Amounts, ttl: int | None) -> None:
        if known is not None:
            self._grow(known, more, ttl)

    def _grow(self, known: tuple[str, Reservation], more: Amounts, ttl: int | None) -> None:
        """Ask for more than was granted; a unit that was not is invalid."""
        lease = known[1]
        totals = {
            unit: lease.amounts.get(unit, Decimal(0)) + amount for unit, amount in more.items()
        }
        body = {"amounts": on_wire(totals), **({} if ttl is None else {"ttl_seconds": ttl})}
        answer = self._finish(known, "extend", body)
        judged = self.model.grow(lease, totals, ttl)
        if isinstance(judged, Refused):
            same_refusal(answer, judged)
            self._count("growth refused")
            self._wait(1)
            return
        self._count(judged)
        if judged in {"invalid", "expired", "finalized"}:
            assert answer.status == (422 if judged == "invalid" else 409), answer
            assert judged == "invalid" or answer.code == f"reservation_{judged}", answer
            return
        same_lease(answer, lease, self.model.now_ms)
        views = [self.model.view(line.rule, line.subject) for line in lease.lines]
        same_balances(answer.body["budgets"], views if judged == "grown" else [])

    @rule(
        target=held,
        caller=CALLER,
        unit=st.sampled_from(["usd", "tokens"]),
        on_expiry=ON_EXPIRY,
        acts=st.lists(REPORT | ACT, min_size=2, max_size=6),
    )
    def lease(
        self, caller: Mapping[str, str], unit: str, on_expiry: OnExpiry, acts: list[Report | Act]
    ) -> Known:
        """A lease of one unit is captured, grows, and expires; one that is charged always does."""
        known = self._reserve(caller, {unit: Decimal(3)}, 60, on_expiry=on_expiry)
        if on_expiry == "charge":
            acts = [*acts, "expire"]
        for act in acts if known is not None else ():
            assert known is not None
            match act:
                case Report():
                    self._capture(known, of_unit(act, unit))
                case "grow":
                    self._grow(known, {unit: Decimal(7)}, 300)
                case "again":
                    self._capture(known, Report(known[1].captured, known[1].returned))
                case "settle":
                    self.settle(known, {unit: Decimal(3)})
                case "expire":
                    self._wait(305)
                    self._roll_over()
        return known

    @rule(known=held, ttl=TTL)
    def extend(self, known: Known, ttl: int) -> None:
        if known is None:
            return
        answer = self._finish(known, "extend", {"ttl_seconds": ttl})
        done = self.model.extend(known[1], ttl)
        assert answer.status == (200 if done else 409), answer
        self._count("extend")


def of_unit(report: Report, unit: str) -> Report:
    """The report with its totals in one unit."""
    return Report(
        *({unit: sum(totals.values(), Decimal(0))} for totals in (report.captured, report.returned))
    )
