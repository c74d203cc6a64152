"""`make down`: stops what `make up` started, after its state is written to disk."""

import sys

from local.console import run, say, step
from local.emulator.process import EMULATOR, stop_emulator
from local.lock import one_at_a_time


def main() -> int:
    """Stop the emulator if this checkout started it."""
    with one_at_a_time():
        if EMULATOR.process() is None:
            say("Nothing is running")
            return 0
        with step("Stopping the AWS emulator and writing its state"):
            stop_emulator()
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
