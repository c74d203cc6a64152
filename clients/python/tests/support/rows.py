"""The table of scenarios: what each one made of the books, checked and kept for printing.

SPENDGATE_ROWS=FILE pytest tests/integrations    # keeps a row per scenario
python -m tests.support.rows FILE...             # prints the table
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from spendgate.testing import FakeProvider, Served
from tests.support.service import Account, eventually

UNKNOWN_STATUSES = frozenset({408, 499, 502, 504, 524})
"""After these the provider may bill, so the hold expires by itself."""


@dataclass(frozen=True)
class Row:
    """One scenario: requests that reached the provider, and tokens."""

    integration: str
    versions: str
    scenario: str
    requests: int
    served: int
    spent: int
    held: int


class Books:
    """What the service and the provider say after a scenario."""

    def __init__(self, integration: str, versions: str, provider: FakeProvider) -> None:
        self._integration = integration
        self._versions = versions
        self._provider = provider

    def served(self, account: Account) -> list[Served]:
        """The requests of an account's agent that reached the provider."""
        return self._provider.log_of(account.agent)

    def are(self, account: Account, scenario: str, *, requests: int, held: int = 0) -> None:
        """What was spent is what was served for certain; held is what may have been served."""
        served = self.served(account)
        assert len(served) == requests
        certain = sum(call.total_tokens for call in served if call.status not in UNKNOWN_STATUSES)
        eventually(lambda: account.tokens == (certain, held), seconds=20)
        assert account.tokens == (certain, held)
        row = Row(self._integration, self._versions, scenario, len(served), certain, certain, held)
        _keep(row)


def _keep(row: Row) -> None:
    path = os.environ.get("SPENDGATE_ROWS")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def table(rows: Iterable[Row]) -> str:
    """The rows as a table of Markdown."""
    lines = [
        "| integration | versions | scenario | requests at the provider | served | spent | held |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {' | '.join(str(cell) for cell in asdict(row).values())} |" for row in rows]
    return "\n".join(lines)


def main(files: Sequence[str]) -> int:
    """Print the table of the files."""
    texts = [Path(file).read_text(encoding="utf-8") for file in files]
    print(table(Row(**json.loads(line)) for text in texts for line in text.splitlines()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
