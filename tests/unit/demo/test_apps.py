"""The applications of the demo: what they spent must be what the provider served."""

from dataclasses import replace
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from local.demo.apps.books import Books, books_agree, print_books
from local.demo.report import COLUMNS_MAX

GOOD = Books("reader", "read 6 streams", 6, 480, 480, Decimal("0.0042"), Decimal(0))


def test_books_that_are_the_log_pass() -> None:
    check = books_agree([GOOD, GOOD])
    assert check.holds
    assert check.looked_at == "2 applications, 12 calls, 960 tokens"


@pytest.mark.parametrize(
    ("wrong", "failure"),
    [
        ({"spent_tokens": 400}, "agent:reader: expected 480 tokens spent as in the provider's log"),
        ({"spent_tokens": 960}, "agent:reader: expected 480 tokens spent as in the provider's log"),
        ({"held_usd": Decimal("0.5")}, "agent:reader: expected 0 held, found 0.5"),
    ],
)
def test_a_difference_fails(wrong: dict[str, Any], failure: str) -> None:
    check = books_agree([GOOD, replace(GOOD, **wrong)])
    assert len(check.failures) == 1
    assert check.failures[0].startswith(failure)


def test_the_table_says_what_each_did() -> None:
    console = Console(file=StringIO(), width=COLUMNS_MAX)
    print_books(console, [GOOD])
    assert isinstance(console.file, StringIO)
    assert "agent:reader      6     480  0.0042  read 6 streams" in console.file.getvalue()
