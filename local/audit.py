"""`make audit`: whether everything in the local stack's table fits together."""

import sys

from local.bootstrap import StackFile
from local.console import LocalStackError, run, words
from local.emulator import EMULATOR, isolate_from_aws
from local.paths import STACK_FILE
from spendgate_service.audit import __main__ as audit


def main() -> int:
    """Run the command that operators use, against the emulator."""
    arguments = words("ARGS")
    isolate_from_aws()
    if EMULATOR.process() is None or not STACK_FILE.exists():
        raise LocalStackError("Nothing is running; start it with: make up")
    stack = StackFile.read()
    where = ["--table", stack.table_name, "--endpoint-url", stack.aws_endpoint_url]
    return audit.main([*where, *arguments])


if __name__ == "__main__":
    sys.exit(run(main))
