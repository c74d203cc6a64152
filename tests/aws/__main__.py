"""`python -m tests.aws URL --stack NAME`: run the checks and print a line for each.

The exit code is 0 if no check failed, 1 if one did, 2 for wrong arguments. `--json` prints the
results as JSON.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict

import tests.aws.api_checks
import tests.aws.events_checks
import tests.aws.settings_checks  # noqa: F401  # each module adds its checks to the list
from local.bootstrap import StackFile
from tests.aws.checks import CHECKS, Result, run_check
from tests.aws.stack import Stack

_KEY = "SPENDGATE_OPERATOR_KEY"
_MARKS = {"ok": "ok        ", "failed": "FAILED    ", "unanswered": "unanswered"}


def local_stack(described: StackFile) -> Stack:
    """Return the stack of `make up`."""
    return Stack(
        described.api_url,
        "spendgate",
        described.operator_key,
        region=described.region,
        endpoint=described.aws_endpoint_url,
    )


def run_all(stack: Stack, *, names: str = "", quiet: bool = False) -> list[Result]:
    """Run the checks whose name contains that text, in their order."""
    results = []
    for check in CHECKS:
        if names in check.name:
            result = run_check(check, stack)
            results.append(result)
            if not quiet:
                print(f"{_MARKS[result.outcome]}  {result.name}: {result.detail}", flush=True)
    return results


def main() -> int:
    """Parse the arguments and run the checks."""
    parser = argparse.ArgumentParser(prog="python -m tests.aws", description=__doc__)
    parser.add_argument("url", nargs="?", help="the output ApiUrl of the stack")
    parser.add_argument("--stack", default="spendgate", help="name of the stack")
    parser.add_argument("--only", default="", help="run the checks whose name contains this text")
    parser.add_argument("--local", action="store_true", help="check the local stack of make up")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    if options.local:
        stack = local_stack(StackFile.read())
    else:
        if not options.url or _KEY not in os.environ:
            parser.error(f"give the URL, and the operator's key in the variable {_KEY}")
        stack = Stack(options.url, options.stack, os.environ[_KEY], region=None, endpoint=None)
    with stack:
        results = run_all(stack, names=options.only, quiet=options.json)
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    counts = {mark: sum(done.outcome == mark for done in results) for mark in _MARKS}
    print(", ".join(f"{count} {mark}" for mark, count in counts.items()), file=sys.stderr)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
