"""How many random examples a test tries: `make test-long` tries many times more."""

import os

_TIMES = int(os.environ.get("SPENDGATE_LONGER", "1"))


def examples(few: int) -> int:
    """As many as this run can afford."""
    return few * _TIMES
