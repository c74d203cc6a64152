"""The plot in docs/hot-budgets.md is what the simulation draws, and says what the page says."""

import pytest

from bench.simulation import DESIGNS, SVG, Design, Outcome, drawn

type Outcomes = dict[Design, list[tuple[int, Outcome]]]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return {design: design.under_all_loads() for design in DESIGNS}


def test_the_plot_is_what_the_simulation_draws(outcomes: Outcomes) -> None:
    assert drawn(outcomes) == SVG.read_text(encoding="utf-8"), "run `make docs`"


def test_conditional_updates_grant_several_times_what_transactions_do(outcomes: Outcomes) -> None:
    by_hundreds, by_tens, transactions = (
        max(one.goodput for _, one in outcomes[design]) for design in DESIGNS
    )

    assert by_hundreds > by_tens > 5 * transactions
