"""Schemathesis makes up requests out of the OpenAPI document and judges the answers by it.

All its checks are on: no server error, statuses, headers, content types and bodies as documented,
what fits the schema is taken and what does not is refused, nothing is answered without a key, an
object that is deleted is gone, and a method that is not there is 405. What it may overlook is in
`fuzz/hooks.py`. `make test` sends a third of the requests just outside a boundary of the schema,
`make test-long` sends them all, and `make fuzz` runs the same for longer.
"""

import os
import re
from pathlib import Path

from local.bootstrap import StackFile
from tests.e2e.fuzz.__main__ import fuzz

SEED = 20_260_308
EXAMPLES_IN_THE_SUITE = 3
INVALID_ONE_IN = int(os.environ.get("SPENDGATE_INVALID_ONE_IN", "3"))
REQUESTS_AT_LEAST = 1_000


def test_the_service_is_as_its_document_says_whatever_is_sent(
    stack: StackFile, tmp_path: Path
) -> None:
    done = fuzz(
        stack,
        seed=SEED,
        examples=EXAMPLES_IN_THE_SUITE,
        scratch=tmp_path,
        invalid_one_in=INVALID_ONE_IN,
    )

    assert done.returncode == 0, done.stdout
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None and int(generated[1]) >= REQUESTS_AT_LEAST, done.stdout
    assert "returned only 401/403" not in done.stdout, "no key was good for them"
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", done.stdout), done.stdout
