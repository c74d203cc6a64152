"""The service under every interleaving of its calls to DynamoDB."""

import pytest

from tests.interleavings import triples
from tests.interleavings.pairs import all_pairs
from tests.interleavings.scenarios import Scenario, explore

COMPLETE_MAX = 20

SCENARIOS = [*all_pairs(), triples.CLOCKS_APART, triples.TWO_LIMITS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_interleaving_breaks_the_books(scenario: Scenario) -> None:
    figures = explore(scenario, complete_max=COMPLETE_MAX)

    assert figures.is_exhausted or figures.complete >= COMPLETE_MAX
