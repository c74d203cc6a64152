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
from tests.support.engines import table_at

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

    _compare(stories=EXAMPLES, steps=30)
    tell(f"model: {sum(Comparison.done.values())} commands: {dict(Comparison.done)}")
    assert Comparison.done["granted"] and Comparison.done["refused"]


@pytest.mark.usefixtures("quiet")
def test_a_story_by_the_client_of_boto3(dynamodb_local_url: str) -> None:
    """One story; `make test-long` tells all of them by boto3's client."""
    Comparison.new_table = staticmethod(lambda: table_at(dynamodb_local_url, kind="boto3"))

    _compare(stories=1, steps=20)


def _compare(*, stories: int, steps: int) -> None:
    run_state_machine_as_test(
        seed(SEED)(Comparison),
        settings=settings(
            max_examples=stories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
