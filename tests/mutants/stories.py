"""Rules in Python, broken on purpose for the model to find: `python -m tests.mutants.stories`.

Prints for each rule after how many random sequences of commands the service and the model differed,
and fails if they never do. `SPENDGATE_SEED` says which sequences, `SPENDGATE_EXAMPLES` how many.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from spendgate_service.domain import balances
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.counters import Counter
from spendgate_service.settlements import debits
from spendgate_service.settlements.debits import Debit, Debits
from spendgate_service.store.claims import CounterClaim
from tests.model.machine import Comparison
from tests.mutants.lease_rules import LEASE_RULES
from tests.support.any_engine import table_in_memory

type Break = Callable[[pytest.MonkeyPatch], None]

SEED = int(os.environ.get("SPENDGATE_SEED", "1"))
SEQUENCES_MAX = int(os.environ.get("SPENDGATE_EXAMPLES", "200"))


def count_on_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spend counts when it is reported."""
    of_record = Debits.of_record

    def at_once(self: Debits, tenant_id: str, spending: Any, actual: Any, **_: int) -> Any:
        return of_record(self, tenant_id, spending, actual, at_ms=spending.now_ms)

    monkeypatch.setattr(Debits, "of_record", at_once)


def open_past_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that has ended counts spend of the past although it has no counter."""
    make = debits._debit

    def opening(tenant_id: str, claim: Any, period: Any, spending: Any, **rest: Any) -> Debit:
        debit = make(tenant_id, claim, period, spending, **rest)
        if debit.posting is None:
            return debit
        creation = CounterClaim(tenant_id, claim, period).creation
        return replace(debit, posting=replace(debit.posting, creation=creation, must_exist=False))

    monkeypatch.setattr(debits, "_debit", opening)


def refuse_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim of 0 is refused below an overrun."""

    def can_grant(self: Counter, amount: int, *, now_ms: int) -> bool:
        return self.grantable_at(now_ms=now_ms) >= amount

    monkeypatch.setattr(Counter, "can_grant", can_grant)


def take_held_for_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only holds stand in the way of is refused as spent."""
    monkeypatch.setattr(Balance, "held_until", lambda _balance, _requested: None)


def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for a hold lacks the second by which clocks may differ."""
    monkeypatch.setattr(balances, "CLOCKS_DIFFER_SECONDS_MAX", 0)


def keep_ended_credits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A credit that has ended is still shown and granted."""
    monkeypatch.setattr(Counter, "ended_credits", lambda _counter, **_: {})


RULES: Mapping[str, Break] = {
    function.__name__: function
    for function in (
        count_on_arrival,
        open_past_periods,
        refuse_zero,
        take_held_for_spent,
        retry_at_once,
        keep_ended_credits,
        *LEASE_RULES,
    )
}


class Counted(Comparison):
    """Counts the sequences."""

    begun = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).begun += 1


def sequences_until_found(break_rule: Break) -> int | None:
    """How many sequences were run until one differed; None if none does."""
    Counted.begun, Counted.new_table = 0, staticmethod(table_in_memory)
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stdout(StringIO()):
        break_rule(monkeypatch)
        try:
            run_state_machine_as_test(
                seed(SEED)(Counted),
                settings=settings(
                    max_examples=SEQUENCES_MAX,
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except AssertionError:
            return Counted.begun
    return None


def main() -> int:
    """Break each rule in turn; 1 if one is not found."""
    logging.disable(logging.CRITICAL)
    found: dict[str, int | None] = {}
    for name in sys.argv[1:] or RULES:
        found[name] = count = sequences_until_found(RULES[name])
        says = "not found" if count is None else f"found after {count} sequences"
        print(f"{says}: {RULES[name].__doc__}", flush=True)
    return int(None in found.values())


if __name__ == "__main__":
    sys.exit(main())
