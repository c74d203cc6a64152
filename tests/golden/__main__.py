"""Print a recording of the scenario: `python -m tests.golden > tests/golden/golden.jsonl`.

Write the file anew only where a change means to store or answer something else, and say so.
"""

import sys
from contextlib import redirect_stdout

from tests.golden.recorder import Clock, Recorder, canonical_lines, fixed_surroundings
from tests.golden.scenario import play


def main() -> None:
    """Play the scenario, with the queues in moto."""
    clock = Clock()
    with fixed_surroundings(clock), redirect_stdout(sys.stderr):  # the functions log to stdout
        from moto import mock_aws  # noqa: PLC0415 (nothing is imported before the clock stands)

        with mock_aws():
            recorder = Recorder(clock)
            play(recorder)
    sys.stdout.write(canonical_lines(recorder.steps))


if __name__ == "__main__":
    main()
