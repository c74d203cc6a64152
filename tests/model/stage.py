"""The service and the model side by side, at one moment."""

from collections import Counter as Tally
from contextlib import ExitStack
from decimal import Decimal
from typing import ClassVar

from hypothesis.stateful import Bundle, RuleBasedStateMachine

from tests.model.reference import Model
from tests.model.state import Reservation
from tests.scenarios.service import Party, Service, tenant
from tests.support.any_engine import NewTable
from tests.support.clock import FakeClock
from tests.support.functions import HttpAnswer, LongContext, load_function
from tests.support.settlement_queue import RecordingDeadLetters
from tests.support.strategies import MOMENTS, TENANT

RATES = {("usd", "eur"): Decimal("0.9")}

type Known = tuple[str, Reservation] | None
"""A reservation by its id and as the model knows it; None where it was refused."""


class Stage(RuleBasedStateMachine):
    """The table, the functions over it, the model, and the time on everyone's clock."""

    new_table: ClassVar[NewTable]
    done: ClassVar[Tally[str]] = Tally()

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.leaving = ExitStack()
        self.clock = FakeClock(min(MOMENTS.values()))  # it never goes back
        self.table = type(self).new_table()
        self.aside = RecordingDeadLetters()
        self.service = Service(self.table, self.clock, {"dead_letters": self.aside})
        self.party: Party = tenant(self.service, TENANT)
        self.model = Model(self.clock.at_ms, RATES)

    def _wait(self, seconds: float) -> None:
        """Go on, and past the last second of a credit.

        It is shown until its end, unless a write has taken it out before.
        """
        self.clock.advance(seconds)
        while ends_at := self.model.last_second_of_a_credit(self.clock.at_ms):
            self.clock.at_ms = ends_at * 1000
        self.model.now_ms = self.clock.at_ms

    def _roll_over(self) -> None:
        """Let the scheduled function run: it charges what has expired, and closes periods."""
        answer = load_function("rollover", self.service.app).handler({}, LongContext())
        charged = self.model.charge_expired()
        assert (answer["charged"], answer["charges_failed"]) == (charged, 0)
        self.done["charge"] += charged
        self._count("rollover")

    def _count(self, command: str) -> None:
        self.done[command] += 1

    def _finish(self, known: tuple[str, Reservation], what: str, body: object = None) -> HttpAnswer:
        return self.party.ask("POST", f"/v1/reservations/{known[0]}/{what}", body)
