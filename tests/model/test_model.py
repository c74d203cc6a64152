"""The service answers every story as a model in plain Python does."""

import logging
import os
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Comparison
from tests.support.any_engine import NewTable

EXAMPLES = int(os.environ.get("SPENDGATE_EXAMPLES", "20"))
SEED = int(os.environ.get("SPENDGATE_SEED", random.randrange(2**32)))


@pytest.fixture
def quiet() -> Iterator[None]:
    """What the functions log of thousands of requests would hide the story."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
def test_every_story_ends_as_the_model_tells_it(
    new_table: NewTable, tell: Callable[[str], None]
) -> None:
    Comparison.new_table = staticmethod(new_table)
    tell(f"model: SPENDGATE_SEED={SEED} SPENDGATE_EXAMPLES={EXAMPLES}")

    run_state_machine_as_test(
        seed(SEED)(Comparison),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    tell(f"model: {sum(Comparison.done.values())} commands: {dict(Comparison.done)}")
    assert Comparison.done["granted"] and Comparison.done["refused"]
