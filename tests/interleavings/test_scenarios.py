"""The service under every interleaving of its calls to DynamoDB."""

import pytest

from tests.interleavings.pairs import all_pairs
from tests.interleavings.scenarios import Scenario, explore

COMPLETE_MAX = 20


@pytest.mark.parametrize(
    "scenario",
    [one for one in all_pairs() if one.name.endswith("balance")],
    ids=lambda scenario: scenario.name,
)
def test_no_interleaving_breaks_the_books(scenario: Scenario) -> None:
    figures = explore(scenario, complete_max=COMPLETE_MAX)

    assert figures.is_exhausted or figures.complete >= COMPLETE_MAX
