"""`make audit`: whether everything in the local stack's table fits together."""

import os
import shlex
import sys

from local.bootstrap import StackFile
from local.console import LocalStackError, fail
from local.emulator import EMULATOR, isolate_from_aws
from local.paths import STACK_FILE
from spendgate import audit


def main() -> int:
    """Run the command that operators use, against the emulator."""
    arguments = shlex.split(os.environ.get("ARGS", ""))
    isolate_from_aws()
    if EMULATOR.process() is None or not STACK_FILE.exists():
        return fail(LocalStackError("Nothing is running; start it with: make up"))
    stack = StackFile.read()
    where = ["--table", stack.table_name, "--endpoint-url", stack.aws_endpoint_url]
    return audit.main([*where, *arguments])


if __name__ == "__main__":
    sys.exit(main())
