"""Arguments and environment of `spendgate-mcp`, and its two transports."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from spendgate import AsyncSpendgate
from spendgate._subjects import parse_header
from spendgate.cli.exits import Exit
from spendgate.errors import ConfigurationError
from spendgate.integrations.mcp._server import budget_server

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
_TIMEOUT_SECONDS = 20.0

_HELP = """\
An MCP server that tells an agent what it may spend. It reads SPENDGATE_URL and SPENDGATE_API_KEY
(a caller's key). Example: spendgate-mcp --subject agent=researcher
"""


def run(arguments: Sequence[str]) -> int:
    """Serve until the client leaves or Ctrl-C; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        server = budget_server(_client(options.subject))
    except ConfigurationError as error:
        print(f"spendgate-mcp: {error}", file=sys.stderr)
        return Exit.CONFIG
    try:
        if options.transport == "http":
            server.run("streamable-http", host=HOST, port=options.port, stateless_http=True)
        else:
            server.run()
    except KeyboardInterrupt:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spendgate-mcp", description=_HELP)
    parser.add_argument(
        "--subject",
        action="append",
        metavar="TYPE=ID",
        help="for whom the server speaks; repeatable (default: SPENDGATE_SUBJECTS)",
    )
    parser.add_argument("--transport", choices=("stdio", "http"), default="stdio")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"for http, on {HOST} (default: %(default)s)"
    )
    return parser


def _client(named: Sequence[str] | None) -> AsyncSpendgate:
    text = ",".join(named) if named else os.environ.get("SPENDGATE_SUBJECTS", "")
    subjects = parse_header(text)
    if not subjects:
        raise ConfigurationError(
            "no subject is named: pass --subject agent=researcher, or set SPENDGATE_SUBJECTS"
        )
    return AsyncSpendgate(subjects=subjects, timeout=_TIMEOUT_SECONDS)
