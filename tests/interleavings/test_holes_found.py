"""The explorer finds two holes that the service had: the code without the fix breaks the books."""

from collections.abc import Callable

import pytest

from spendgate_service.domain import counters, hold_buckets
from spendgate_service.domain.budgets import Budget
from tests.interleavings.scenarios import Scenario, explore
from tests.interleavings.triples import CLOCKS_APART, TWO_LIMITS

INTERLEAVINGS_MAX = 500


def _without_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold is reclaimed as soon as it has ended by the clock of the one that reclaims."""
    monkeypatch.setattr(counters, "CLOCKS_DIFFER_MS_MAX", 0)
    monkeypatch.setattr(hold_buckets, "CLOCKS_DIFFER_MS_MAX", 0)


def _without_past_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that has ended counts by the limit of today."""
    monkeypatch.setattr(Budget, "limit_in", lambda budget, _period: budget.limit)


@pytest.mark.parametrize(
    ("scenario", "take_out_the_fix", "finding"),
    [
        pytest.param(CLOCKS_APART, _without_margin, "open reservations hold", id="clocks"),
        pytest.param(TWO_LIMITS, _without_past_limits, "the statement says", id="limits"),
    ],
)
def test_the_explorer_finds_the_hole_without_the_fix(
    scenario: Scenario,
    take_out_the_fix: Callable[[pytest.MonkeyPatch], None],
    finding: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_out_the_fix(monkeypatch)

    with pytest.raises(AssertionError, match=finding):
        explore(scenario, complete_max=INTERLEAVINGS_MAX)
