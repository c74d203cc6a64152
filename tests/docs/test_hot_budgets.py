"""The plot in docs/hot-budgets.md is what the simulation draws, and says what the page says."""

import pytest

from bench.leases import BY_RATE, ENOUGH, GRANTED_AIM, PAGE, STRANDED_AIM, row
from bench.leases import simulate as simulate_leases
from bench.simulation import DESIGNS, LEDGER_KB, SVG, Design, Outcome, drawn
from tests.support.operation_costs import FULL_BATCH

type Outcomes = dict[Design, list[tuple[int, Outcome]]]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return {design: design.under_all_loads() for design in DESIGNS}


def test_the_plot_is_what_the_simulation_draws(outcomes: Outcomes) -> None:
    assert drawn(outcomes) == SVG.read_text(encoding="utf-8"), "run `make docs`"


def settled(outcomes: Outcomes, design: Design) -> float:
    """The highest load of which a design settles all that it grants, but for the last batch."""
    return max(
        load
        for load, outcome in outcomes[design]
        if outcome.granted - outcome.settled <= 3 * design.batch
        and outcome.given_up < outcome.granted / 50
    )


def test_larger_batches_settle_more_and_transactions_grant_a_fraction(outcomes: Outcomes) -> None:
    by_thirties, by_tens, transactions = DESIGNS

    assert (settled(outcomes, by_thirties), settled(outcomes, by_tens)) == (600, 400)
    assert max(one.goodput for _, one in outcomes[transactions]) == pytest.approx(90, abs=5)


def test_what_conflicts_too_often_is_settled_later_and_never_lost(outcomes: Outcomes) -> None:
    for design in DESIGNS:
        for load, outcome in outcomes[design]:
            assert (outcome.drained_seconds > 1) == (outcome.returned > 0), (design.name, load)
    at_800 = dict(outcomes[DESIGNS[0]])[800]
    assert at_800.drained_seconds == pytest.approx(30, abs=1)


def test_the_simulation_has_the_batch_and_the_ledger_of_the_service() -> None:
    assert DESIGNS[0].batch == FULL_BATCH
    assert LEDGER_KB[10] < LEDGER_KB[FULL_BATCH] == 2


def test_the_table_of_leases_is_what_the_simulation_counts() -> None:
    assert row(BY_RATE, simulate_leases(BY_RATE, ENOUGH, 10)) in PAGE.read_text(encoding="utf-8")


def test_leases_grant_nearly_all_and_strand_little_in_every_row_but_crashes() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("|") for line in lines if line.startswith(f"| {BY_RATE.name} |")]
    without_crash = [cells for cells in rows if "crash" not in cells[2]]

    assert len(without_crash) == 15
    for cells in without_crash:
        granted, stranded = (float(cells[place].rstrip(" %")) for place in (4, 5))
        assert granted >= 100 * GRANTED_AIM
        assert stranded <= 100 * STRANDED_AIM
