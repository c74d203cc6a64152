"""`make audit`: audits the local stack's table with the operators' command."""

import sys

from local.bootstrap import StackFile
from local.console import LocalStackError, run, words
from local.emulator.account import isolate_from_aws
from local.emulator.process import EMULATOR
from local.paths import STACK_FILE
from spendgate_service.audit import __main__ as audit


def main() -> int:
    """Run `spendgate_service.audit` against the emulator."""
    arguments = words("ARGS")
    isolate_from_aws()
    if EMULATOR.process() is None or not STACK_FILE.exists():
        raise LocalStackError("Nothing is running; start it with: make up")
    stack = StackFile.read()
    target = ["--table", stack.table_name, "--endpoint-url", stack.aws_endpoint_url]
    return audit.main([*target, *arguments])


if __name__ == "__main__":
    sys.exit(run(main))
