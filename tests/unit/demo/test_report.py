"""The report: fits its width, sums what it does not show, and ends with one clear line."""

from decimal import Decimal
from io import StringIO

from rich.console import Console

from local.demo.checks import Check
from local.demo.limits import BudgetPlan
from local.demo.observed import Balance, Observed
from local.demo.record import CounterName, Record
from local.demo.report import COLUMNS_MAX, print_checks, print_table, print_usage, verdict
from local.demo.tenant import DemoBudget
from tests.support.demo import grant, record, refusal

BUDGET = DemoBudget(
    "bud_1", BudgetPlan("sessions", "session:*", "usd", Decimal(2), {"type": "none"})
)
GOOD = Check("a promise is kept", "3 things", ())
BAD = Check("another one too", "2 things", ("this: expected 1 [one], found 2",))


def balance(number: int, *, spent: str, overrun: str = "0") -> Balance:
    counter = CounterName("bud_1", f"session:s-{number}", "none")
    return Balance(
        counter, "usd", Decimal(2), Decimal(spent), held=Decimal(0), overrun=Decimal(overrun)
    )


def printed_table(*balances: Balance, seen: Record) -> list[str]:
    console = Console(file=StringIO(), width=COLUMNS_MAX)
    print_table(console, [BUDGET], Observed(balances, (), (), {}), seen)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


def test_the_one_that_spent_most_comes_first_with_its_refusals() -> None:
    seen = record(refusals=(refusal(("bud_1", "session:s-2")),) * 3)
    rows = printed_table(
        balance(1, spent="0.5"), balance(2, spent="2.25", overrun="0.25"), seen=seen
    )
    assert rows[2].split() == ["session:s-2", "2.0000", "2.2500", "0", "3", "0.2500"]
    assert rows[3].split() == ["session:s-1", "2.0000", "0.5000", "0", "0", "0"]


def test_the_many_share_one_line_with_their_sums() -> None:
    rows = printed_table(*(balance(number, spent="0.5") for number in range(20)), seen=record())
    assert rows[-1].split() == ["14", "more", "of", "session:*", "7.0000", "0", "0", "0"]
    assert all(len(row) < 100 for row in rows)


def test_usage_is_shown_as_bars_that_add_up() -> None:
    console = Console(file=StringIO(), width=COLUMNS_MAX)
    usage = {"agent": {"a": {"usd": Decimal(1)}, "b": {"usd": Decimal(4), "tokens": Decimal(9)}}}

    print_usage(console, usage)

    assert isinstance(console.file, StringIO)
    rows = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert rows[0] == ["Spent", "by", "agent", "usd"]
    assert rows[1] == ["b", "4.0000", "█" * 40]
    assert rows[2] == ["a", "1.0000", "█" * 10]
    assert rows[3] == ["total", "5.0000"]


def printed_checks(*checks: Check) -> str:
    console = Console(file=StringIO(), width=COLUMNS_MAX)
    print_checks(console, checks)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_failed_check_says_what_was_expected_and_found() -> None:
    printed = printed_checks(GOOD, BAD)
    assert "ok   a promise is kept  3 things" in printed
    assert "FAIL another one too    2 things" in printed
    assert "this: expected 1 [one], found 2" in printed


def test_many_failures_of_one_check_are_counted_instead_of_listed() -> None:
    printed = printed_checks(Check("a promise", "things", ("wrong",) * 12))
    assert printed.count("wrong") == 5
    assert "and 7 more" in printed


def test_the_last_line_is_clear() -> None:
    seen = record(grant(), refusals=(refusal(),))
    assert verdict([GOOD], seen, took_seconds=4.2) == (
        "Demo passed: 2 requests in 4 s, 1 granted, 1 refused; all 1 checks hold."
    )
    assert verdict([GOOD, BAD], seen, took_seconds=4.2) == ("DEMO FAILED: 1 of 2 checks failed.")
