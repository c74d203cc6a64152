"""The trace: what ships with the demo, and what is refused as no trace."""

from itertools import pairwise
from pathlib import Path

import pytest

from local.console import LocalStackError
from local.demo.generator import REQUESTS, trace_text
from local.demo.trace import SHIPPED_TRACE, TraceRequest, read_trace


def test_the_shipped_trace_is_what_its_generator_makes() -> None:
    assert SHIPPED_TRACE.read_text() == trace_text()


def test_the_shipped_trace_can_be_read() -> None:
    requests = read_trace(SHIPPED_TRACE)
    assert len(requests) == REQUESTS
    assert requests[0].at_seconds == 0
    assert all(request.context_tokens > 0 and request.generated_tokens > 0 for request in requests)


def test_the_shipped_trace_comes_in_bursts() -> None:
    arrivals = [request.at_seconds for request in read_trace(SHIPPED_TRACE)]
    gaps = sorted(after - before for before, after in pairwise(arrivals))
    assert gaps[len(gaps) // 2] < 0.2
    assert gaps[-1] > 2


def a_trace(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    return path


def test_times_have_any_number_of_digits_and_count_from_the_first(tmp_path: Path) -> None:
    path = a_trace(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.9799600,4808,10\n"
        "2023-11-16 18:17:05,3180,8\n",
    )
    first, second = read_trace(path)
    assert first == TraceRequest(0.0, 4808, 10)
    assert second.at_seconds == pytest.approx(1.02004)


def test_a_trace_is_read_in_the_order_of_arrival(tmp_path: Path) -> None:
    path = a_trace(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:05,2,2\n"
        "2023-11-16 18:17:03,1,1\n",
    )
    assert [request.context_tokens for request in read_trace(path)] == [1, 2]


def test_only_as_many_requests_are_read_as_are_wanted() -> None:
    assert len(read_trace(SHIPPED_TRACE, requests_max=7)) == 7


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column TIMESTAMP"),
        ("TIMESTAMP,ContextTokens\n2023-11-16 18:17:03,1\n", "no column GeneratedTokens"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1\n", "Line 2"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nnow,1,1\n", "Line 2"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,-1\n", "below zero"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16T18:00:00Z,1,1\n2023-11-16,1,1\n",
            "Line 3 .* UTC offset",
        ),
        (
            f"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,{'1' * 140_000}\n",
            "not a CSV file: field larger",
        ),
        (
            f"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,1,{'1' * 5_000}\n",
            "Line 2 .* not a request",
        ),
    ],
)
def test_what_is_no_trace_is_refused_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(LocalStackError, match=reason):
        read_trace(a_trace(tmp_path, text))


def test_a_trace_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"nothing\.csv"):
        read_trace(tmp_path / "nothing.csv")
