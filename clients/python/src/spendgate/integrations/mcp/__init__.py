"""The command `spendgate-mcp`: an MCP server that tells an agent what it may spend.

It needs the extra `spendgate[mcp]`. The configuration says for whom it speaks, never the model.

_command        arguments and environment, and the two transports
_server         the tools and the resource
_texts          texts of other people, quoted and cut, and errors as one sentence
"""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> int:
    """Run the server; returns the exit code."""
    if find_spec("mcp") is None:
        print(
            "spendgate-mcp: mcp is not installed: pip install 'spendgate[mcp]'",
            file=sys.stderr,
        )
        return 78
    from spendgate.integrations.mcp._command import run  # noqa: PLC0415 (needs the extra)

    return run(sys.argv[1:])
