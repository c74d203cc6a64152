"""Run the server: `python -m spendgate.integrations.mcp`."""

from __future__ import annotations

import sys

from spendgate.integrations.mcp import main

if __name__ == "__main__":
    sys.exit(main())
