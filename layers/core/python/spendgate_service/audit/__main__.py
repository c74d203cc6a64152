"""Audit a table: check that all items that concern money are consistent; print what is not.

python -m spendgate_service.audit --table NAME [--endpoint-url URL] [--segments N] [--json]
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from spendgate_service.audit.partition import Finding
from spendgate_service.audit.table import Seen, TableAudit
from spendgate_service.store.client import Table
from spendgate_service.store.clients.boto import create_command_client
from spendgate_service.terminal import printable

SEGMENTS_DEFAULT = 4
SEGMENTS_MAX = 64

_PROGRESS_SECONDS = 2.0


class Progress:
    """Prints to standard error, every few seconds, how far the audit is."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, seen: Seen) -> None:
        """Print the progress if it is time to."""
        now = time.monotonic()
        if now - self._printed_at >= _PROGRESS_SECONDS:
            self._printed_at = now
            sys.stderr.write(f"{_summary(seen)} so far\n")


def audit_table(table: Table, *, segments: int, as_json: bool, clock: Callable[[], int]) -> int:
    """Audit a table and print each finding; return 1 if there is any, else 0."""

    def report(finding: Finding) -> None:
        involved = [{"pk": pk, "sk": sk} for pk, sk in finding.items]
        if as_json:
            line = {"kind": finding.kind, "says": finding.says, "items": involved}
            sys.stdout.write(json.dumps(line) + "\n")
        else:
            sys.stdout.write(f"{finding.kind}: {printable(finding.says)}\n")
            for pk, sk in finding.items:
                sys.stdout.write(f"    {printable(pk)}  {printable(sk)}\n")
        sys.stdout.flush()

    audit = TableAudit(table, clock=clock, report=report, progress=Progress())
    seen = audit.run(segments=segments)
    sys.stderr.write(f"{_summary(seen)}\n")
    return 1 if seen.findings else 0


def _summary(seen: Seen) -> str:
    return (
        f"{seen.items} items, {seen.counters} counters, {seen.entries} ledger entries, "
        f"{seen.reservations} reservations: {seen.findings} differences"
    )


def _segments(text: str) -> int:
    number = int(text)
    if not 1 <= number <= SEGMENTS_MAX:
        raise argparse.ArgumentTypeError(f"from 1 to {SEGMENTS_MAX}")
    return number


def command_line() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m spendgate_service.audit", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--table", required=True, help="the stack's output TableName")
    parser.add_argument("--endpoint-url", help="the endpoint of DynamoDB, if not AWS's own")
    parser.add_argument(
        "--segments",
        type=_segments,
        default=SEGMENTS_DEFAULT,
        help="parallel scan segments (4)",
    )
    parser.add_argument("--json", action="store_true", help="print each finding as a JSON object")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit one table. Returns 0 if it is consistent, 1 if not, 2 if the audit failed."""
    options = command_line().parse_args(arguments)
    # After the arguments: --help needs none of it.
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from spendgate_service.store.errors import StoreError  # noqa: PLC0415
    from spendgate_service.store.schema import require_schema  # noqa: PLC0415

    try:
        table = Table(create_command_client(endpoint_url=options.endpoint_url), options.table)
        require_schema(table, create=False)
        return audit_table(table, segments=options.segments, as_json=options.json, clock=_now_ms)
    except (BotoCoreError, ClientError, StoreError) as error:
        sys.stderr.write(f"the audit was not finished: {error}\n")
    except Exception:  # noqa: BLE001 (Python would exit with 1: differences found)
        sys.stderr.write(f"the audit was not finished: {traceback.format_exc()}")
    return 2


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
