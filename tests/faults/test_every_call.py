"""Whatever goes wrong at whatever call: never past a limit, never lost, never twice."""

import pytest

from tests.faults.every_call import tried
from tests.faults.operations import OPERATIONS
from tests.faults.report import PART, fault_table
from tests.support.generated_blocks import part


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.name for one in OPERATIONS])
def test_every_fault_at_every_call_is_answered_right_or_503_and_then_right(name: str) -> None:
    calls = tried(name)

    assert calls
    for call in calls:
        answers = {outcome.partition(",")[0] for outcome in call.outcomes.values()}
        assert answers <= {"ok", "503", "killed"}


def test_the_table_of_faults_in_the_documents_is_up_to_date() -> None:
    assert part(PART) == fault_table(), "write it anew: python -m tests.faults.report"
