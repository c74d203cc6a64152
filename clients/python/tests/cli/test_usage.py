"""`usage`: what is added up and drawn."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from spendgate import Spendgate
from spendgate.cli import printing
from spendgate.cli.usage_rows import (
    NO_SPEND,
    Row,
    groups_of,
    intervals_of,
    line,
    total_of,
    units_of,
)
from tests.cli.conftest import Run

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def row(day: int, agent: str | None, usd: str, *, length: timedelta = DAY) -> Row:
    starts = START + day * DAY
    tokens = {"input": 10, "output": 5}
    return Row(starts, starts + length, {"agent": agent}, {"usd": Decimal(usd)}, tokens, 1)


def test_groups_are_added_up_and_the_largest_comes_first() -> None:
    rows = [row(0, "a", "1"), row(1, "b", "5"), row(2, "a", "2"), row(2, None, "0.5")]
    groups = groups_of(rows, ["agent"], "usd")
    assert [(group.labels, group.amount, group.calls) for group in groups] == [
        (("b",), 5, 1), (("a",), 3, 2), (("(none)",), Decimal("0.5"), 1),
    ]  # fmt: skip
    whole = total_of(rows, 2, "usd")
    assert (whole.labels, whole.amount, whole.input_tokens) == (("total", ""), Decimal("8.5"), 40)
    assert sum(whole.by_interval.values()) == whole.amount


def test_days_without_spend_are_part_of_the_line() -> None:
    rows = [row(0, "a", "1"), row(3, "a", "8"), row(4, "a", "4", length=timedelta(hours=23))]
    starts = intervals_of(rows)
    assert starts == [START + day * DAY for day in range(5)]
    (group,) = groups_of(rows, ["agent"], "usd")
    assert [int(amount) for amount in group.series(starts)] == [1, 0, 0, 8, 4]


@pytest.mark.parametrize(
    ("amounts", "width", "drawn"),
    [
        ([], 5, ""),
        ([0, 0], 5, NO_SPEND * 2),
        ([1, 0, 8, 4], 5, "▂ █▅"),
        ([1, 1, 8, 0], 2, "▃█"),  # two at a time
    ],
)
def test_a_line_has_the_width_that_there_is(amounts: list[int], width: int, drawn: str) -> None:
    assert line([Decimal(amount) for amount in amounts], width=width) == drawn


def test_money_comes_before_tokens() -> None:
    amounts = {"tokens": Decimal(1), "eur": Decimal(1), "usd": Decimal(1)}
    shown = Row(START, START + DAY, {}, amounts, {}, 1)
    assert units_of([shown]) == ["usd", "eur", "tokens"]


@pytest.mark.parametrize("columns", [80, 120])
def test_what_was_spent_is_shown_by_group_and_over_time(
    as_tenant: Run, tenant: Spendgate, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    assert as_tenant("usage").err == "Nothing was spent in this time.\n"
    now = datetime.now(UTC)
    for agent, days, usd in (("a", 3, "2"), ("a", 1, "4"), ("b", 1, "3"), ("c", 3, "1.5")):
        occurred_at = (now - days * DAY).isoformat()
        tenant.record(agent=agent, actual={"usd": usd}, extra_body={"occurred_at": occurred_at})
    printed = as_tenant("usage", "--by", "agent", "-o", "csv").out
    spent = {line["agent"]: line["usd"] for line in csv.DictReader(io.StringIO(printed))}
    assert spent == {"a": "6", "b": "3", "c": "1.5"}
    only = as_tenant("usage", "--by", "agent", "--where", "agent=b", "-o", "json").json
    assert [found["amounts"] for found in only] == [{"usd": "3"}]
    assert "write name=value" in as_tenant("usage", "--where", "agent").err

    monkeypatch.setattr(printing, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = as_tenant("usage", "--interval", "day").out
    assert max(map(len, screen.splitlines())) <= columns
    assert "█" in screen
    assert "57%" in screen, "a's share"
    assert "by day: ▅ █  highest 7" in screen
    assert as_tenant("usage", "--interval", "fortnight").code == 1
