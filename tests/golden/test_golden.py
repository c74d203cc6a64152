"""The service stores and answers byte for byte what it always has: items, ids, packed answers.

The recording was made by the service as it was before its code was laid out anew. What it holds is
read by those who have such a table, so that every difference is either a mistake or a new version.
"""

import json
import os
import subprocess
import sys

from spendgate_service.store.keys import TENANTS_PREFIX
from tests.support.engines import ROOT

RECORDING = ROOT / "tests/golden/golden.jsonl"


def recorded_now() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.golden"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'layers/core/python'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_every_step_answers_stores_and_publishes_what_was_recorded() -> None:
    expected = RECORDING.read_text().splitlines()

    recorded = recorded_now()

    for expected_line, recorded_line in zip(expected, recorded, strict=True):
        assert json.loads(recorded_line) == json.loads(expected_line)
        assert recorded_line == expected_line


def test_the_recording_holds_every_kind_of_stored_item() -> None:
    steps = [json.loads(line) for line in RECORDING.read_text().splitlines()]

    items = [item for step in steps for item in step["written"]]
    sort_keys = {item["sk"]["S"].partition("#")[0] for item in items}
    lists = {item["pk"]["S"].rpartition("#")[2] for item in items}
    assert sort_keys >= {
        "EVENT", "LEDGER", "ONCE", "PERIOD", "POLICY", "RESERVATION", "STATEMENT", "WINDOW",
    }  # fmt: skip
    assert lists >= {"BUDGETS", "KEYS"}
    assert any(item["pk"]["S"].startswith(TENANTS_PREFIX) for item in items)
