"""Balances and usage in the text format of OpenMetrics 1.0, for Prometheus and OpenTelemetry."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.usage_report import UsageRow

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_GAUGES: Mapping[str, tuple[str, Callable[[Balance], Amount]]] = {
    "spendgate_budget_limit": (
        "What may be spent in one period, without credits.",
        lambda balance: balance.counter.limit,
    ),
    "spendgate_budget_spent": ("What was spent in the period.", lambda balance: balance.spent),
    "spendgate_budget_held": ("What open reservations hold.", lambda balance: balance.held),
    "spendgate_budget_available": (
        "What can be granted now; below 0 after an overrun.",
        lambda balance: balance.available,
    ),
}
_TODAY = "spendgate_usage_today"
_TODAY_HELP = "What was spent since midnight UTC, by model: each spend once."
_COMPLETE = "spendgate_metrics_complete"
_COMPLETE_HELP = "1 if every balance is listed, 0 if there are more than one response has."

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def openmetrics_text(
    balances: Iterable[Balance], today: Iterable[UsageRow], *, complete: bool
) -> str:
    """Write a gauge of each kind for every balance, what was spent, and whether these are all.

    `today` is grouped by provider and model.
    """
    labelled = [(_labels(balance), balance) for balance in balances]
    lines = [
        line
        for name, (meaning, amount_of) in _GAUGES.items()
        for line in _family(name, meaning, labelled, amount_of)
    ]
    lines += [f"# TYPE {_TODAY} gauge", f"# HELP {_TODAY} {_TODAY_HELP}"]
    lines += [line for row in today for line in _usage(row)]
    lines += [f"# TYPE {_COMPLETE} gauge", f"# HELP {_COMPLETE} {_COMPLETE_HELP}"]
    lines += [f"{_COMPLETE} {int(complete)}", "# EOF", ""]
    return "\n".join(lines)


def _family(
    name: str,
    meaning: str,
    labelled: Iterable[tuple[str, Balance]],
    amount_of: Callable[[Balance], Amount],
) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {meaning}"
    for labels, balance in labelled:
        yield f"{name}{{{labels}}} {amount_text(amount_of(balance))}"


def _usage(row: UsageRow) -> Iterator[str]:
    """Write what was spent on one model, in each unit."""
    provider, model = row.group
    for unit, amount in sorted(row.total.amounts.items()):
        labels = {"provider": provider or "", "model": model or "", "unit": unit}
        yield f"{_TODAY}{{{_written(labels)}}} {amount_text(amount)}"


def _labels(balance: Balance) -> str:
    """Write the labels; the subject is two of them, so that one panel can show a type."""
    budget = balance.budget
    labels = {
        "budget_id": budget.budget_id,
        "budget": budget.name or "",
        "subject_type": balance.subject.type,
        "subject": balance.subject.id,
        "unit": budget.unit,
        "period": budget.period.label,
        "status": balance.status,
    }
    return _written(labels)


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())
