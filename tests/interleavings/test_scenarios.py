"""The service under every interleaving of its calls to DynamoDB.

`SPENDGATE_INTERLEAVINGS` is how many complete interleavings of a scenario are tried at least where
it has more: a few in `make test`, 600 in `make test-long`.
"""

import os
from collections.abc import Callable, Sequence

import pytest

from tests.interleavings.leases import LEASES
from tests.interleavings.pairs import STAGES, PairStage, pairs_on
from tests.interleavings.scenarios import Figures, Scenario, explore
from tests.interleavings.triples import TRIPLES

COMPLETE_MAX = int(os.environ.get("SPENDGATE_INTERLEAVINGS", "5"))


def row_of(label: str, figures: Sequence[Figures]) -> str:
    """A row of the table that the end of the run shows."""
    complete = sum(figure.complete for figure in figures)
    exhausted = sum(figure.is_exhausted for figure in figures)
    cut = len(figures) - exhausted
    return f"interleavings: {complete:6} complete, {exhausted:3} exhausted, {cut:3} cut | {label}"


def explored(scenario: Scenario) -> Figures:
    figures = explore(scenario, complete_max=COMPLETE_MAX)
    assert figures.is_exhausted or figures.complete >= COMPLETE_MAX
    return figures


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.label)
def test_no_interleaving_of_two_breaks_the_books(
    stage: PairStage, tell: Callable[[str], None]
) -> None:
    figures = [explored(scenario) for scenario in pairs_on(stage)]

    tell(row_of(f"{len(figures)} pairs: {stage.label}", figures))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", LEASES, ids=lambda scenario: scenario.name)
def test_no_interleaving_of_leases_breaks_the_books(
    scenario: Scenario, tell: Callable[[str], None]
) -> None:
    tell(row_of(scenario.name, [explored(scenario)]))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", TRIPLES, ids=lambda scenario: scenario.name)
def test_no_interleaving_of_three_breaks_the_books(
    scenario: Scenario, tell: Callable[[str], None]
) -> None:
    tell(row_of(scenario.name, [explored(scenario)]))
