"""`python -m spendgate.cli` is the command `spendgate`."""

import sys

from spendgate.cli import main

if __name__ == "__main__":
    sys.exit(main())
