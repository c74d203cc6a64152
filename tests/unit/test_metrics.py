"""What is counted during an invocation comes out of it as one line of CloudWatch's format."""

import json
import re
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from spendgate_service.api.errors import PROBLEMS, REFUSALS, problem_of
from spendgate_service.app import Spendgate
from spendgate_service.domain.errors import IdempotencyConflict, InvalidValue, NoBudget, NotFound
from spendgate_service.observability import count, measured, publish_counts
from spendgate_service.store.errors import Throttled
from tests.support.engines import ROOT


@pytest.fixture(autouse=True)
def _nothing_is_left_over(capsys: pytest.CaptureFixture[str]) -> None:
    publish_counts()
    capsys.readouterr()


def published(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_counts_of_an_invocation_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @measured
    def handler() -> str:
        count("granted")
        count("granted")
        count("compensations", 3)
        return "done"

    assert handler() == "done"

    [line] = published(capsys)
    assert (line["granted"], line["compensations"]) == ([2.0], [3.0])


def test_an_invocation_that_fails_publishes_what_it_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @measured
    def handler() -> None:
        count("throttled")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        handler()

    assert published(capsys)[0]["throttled"] == [1.0]


def test_an_invocation_in_which_nothing_happens_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured(lambda: count("periods_closed", 0))()

    assert published(capsys) == []


def test_every_invocation_starts_from_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    measured(lambda: count("granted"))()
    measured(lambda: count("replayed"))()

    first, second = published(capsys)
    assert "granted" in first
    assert "granted" not in second


def test_a_metric_has_a_service_and_a_stack_and_no_other_dimension(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        measured(lambda: count("granted"))()

    for line in published(capsys):
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Spendgate"
        assert [sorted(dimension) for dimension in directive["Dimensions"]] in (
            [["stack"]],
            [_BOTH],
        )
        assert directive["Metrics"] == [{"Name": "granted", "Unit": "Count"}]


_BOTH = ["service", "stack"]


def test_no_count_is_lost_between_threads(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        for _ in range(1_000):
            count("compensations")

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publish_counts()

    assert published(capsys)[0]["compensations"] == [8_000.0]


@pytest.mark.parametrize(
    ("error", "metric"),
    [
        (NoBudget(), "refused_no_budget"),
        (IdempotencyConflict(), "refused_idempotency_conflict"),
        (Throttled("busy"), "unavailable"),
        (RuntimeError("a bug"), "internal_error"),
        (InvalidValue("no"), None),
        (NotFound("budget", "bud_1"), None),
    ],
)
def test_refusals_are_counted_by_code_and_mistakes_of_the_caller_are_not(
    error: Exception, metric: str | None
) -> None:
    assert problem_of(error).metric == metric


def test_the_metrics_of_refusals_are_a_handful() -> None:
    known = {problem.code for problem in PROBLEMS.values()}

    assert len(REFUSALS) <= 10
    assert {"budget_paused", "no_budget", "unknown_price", "idempotency_conflict"} <= (
        REFUSALS & known
    )


def test_the_table_of_a_function_is_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "spendgate-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    assert Spendgate.from_environment().table.observe is count


@pytest.mark.parametrize("path", sorted((ROOT / "functions").glob("*/app.py")), ids=str)
def test_every_handler_publishes_and_forgets_the_last_call(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    # The console's counts nothing.
    assert re.search(r"^handler = (lambda|http|console)_handler\(", source, re.MULTILINE)
