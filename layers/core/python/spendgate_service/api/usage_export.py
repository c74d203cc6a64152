"""The export of the usage log, as CSV, JSON lines, or the columns of FOCUS that apply.

FOCUS is the FinOps Open Cost and Usage Specification (version 1.2): one row for each charge in a
currency.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self, cast

from spendgate_service.api.export import Part, part_of, position_in, span_of
from spendgate_service.api.moments import DAY_MS, check_span, moment_ms
from spendgate_service.api.query import refuse
from spendgate_service.api.spreadsheet import csv_row, json_cell, text_cell
from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.currencies import CURRENCIES
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.domain.usage_report import TOKEN_KINDS, dimensions_of, tokens_of
from spendgate_service.reports.export import Span
from spendgate_service.usage.export import PLACE, ExportPlace, UsageStep
from spendgate_service.wire.usage import usage_record_response
from spendgate_service.wire.values import amounts_on_wire, json_text

type UsageFormat = Literal["csv", "jsonl", "focus"]

USAGE_FORMATS: Mapping[UsageFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "focus": "text/csv; charset=utf-8",
}
"""The content type of each."""

_DAYS_DEFAULT_MS = 30 * DAY_MS
_POSITION = re.compile(rf"(?P<from_ms>\d{{1,15}}) (?P<to_ms>\d{{1,15}}) {PLACE.pattern}")

_SUBJECTS = ("app", "app_channel", "user", "agent", "session", "tool")
_PLAIN = ("reservation_id", "late", "overrun", "priced_by", "reverses")
_TEXTS = ("meter_source", "ref_type", "ref_id", "description")
CSV_COLUMNS = (
    "id", "occurred_at", "recorded_at", "cost", "currency", "other_amounts", "provider", "model",
    *_SUBJECTS, "other_subjects", "key_id",
    *TOKEN_KINDS, "web_searches", "service_tier", "calls",
    *_PLAIN, *_TEXTS, "metadata",
)  # fmt: skip

FOCUS_COLUMNS = (
    "BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd",
    "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost",
    "InvoiceIssuerName", "ListCost", "PricingCurrency", "PricingQuantity", "PricingUnit",
    "ProviderName", "PublisherName", "ResourceId", "ServiceCategory", "ServiceName", "SkuId",
    "SubAccountId", "Tags",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UsageExportQuery:
    """Which part of which export is asked for; `start` is where the part before ended."""

    span: Span
    format: UsageFormat
    start: ExportPlace | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], *, now_ms: int) -> Self:
        """Read a query: without `from` the last 30 days, without `to` up to now.

        A cursor knows the span; one that is sent besides has to be the same. Raises InvalidValue.
        """
        named = query.get("format", "csv")
        if named not in USAGE_FORMATS:
            refuse("query.format", "send csv, jsonl or focus")
        known_format = cast("UsageFormat", named)
        from_ms = moment_ms(query, "from", default=None)
        to_ms = moment_ms(query, "to", default=None)
        if position := position_in(query, _POSITION):
            span = span_of(position, from_ms=from_ms, to_ms=to_ms, now_ms=now_ms)
            check_span(from_ms=span.from_ms, to_ms=span.to_ms, now_ms=now_ms)
            return cls(span, known_format, ExportPlace(position["day"], position["after"]))
        last_ms = now_ms + 1 if to_ms is None else to_ms
        span = Span(max(0, last_ms - _DAYS_DEFAULT_MS) if from_ms is None else from_ms, last_ms)
        check_span(from_ms=span.from_ms, to_ms=span.to_ms, now_ms=now_ms)
        return cls(span, known_format)


def usage_part(steps: Iterable[UsageStep], asked: UsageExportQuery, *, tenant_id: str) -> Part:
    """Write a part of the export."""
    head = ""
    if asked.start is None and asked.format != "jsonl":
        head = csv_row(CSV_COLUMNS if asked.format == "csv" else FOCUS_COLUMNS)

    def write(record: UsageRecord) -> str:
        match asked.format:
            case "csv":
                return _csv_line(record)
            case "jsonl":
                return json_text(usage_record_response(record)) + "\n"
            case "focus":
                return "".join(_focus_lines(record, tenant_id))

    return part_of(steps, write, head=head, span=asked.span)


def _money_and_rest(record: UsageRecord) -> tuple[dict[str, Amount], dict[str, Amount]]:
    """Divide the amounts of a record into money and other units."""
    money = {unit: amount for unit, amount in record.amounts.items() if unit in CURRENCIES}
    return money, {unit: value for unit, value in record.amounts.items() if unit not in money}


def _csv_line(record: UsageRecord) -> str:
    shown: Mapping[str, object] = usage_record_response(record)
    money, rest = _money_and_rest(record)
    currency = next(iter(money), None)
    others = {unit: amount for unit, amount in money.items() if unit != currency} | rest
    dimensions = dimensions_of(record)
    tokens = tokens_of(record.metered)
    known = {*_SUBJECTS, "provider", "model", "key_id"}
    cells: dict[str, object] = {
        **{name: shown[name] for name in ("id", "occurred_at", "recorded_at", *_PLAIN)},
        **{name: text_cell(shown[name]) for name in ("provider", "model", *_TEXTS)},
        **{name: text_cell(dimensions.get(name)) for name in _SUBJECTS},
        **{name: tokens.get(kind, 0) for name, kind in TOKEN_KINDS.items()},
        "cost": amount_text(money[currency]) if currency else None,
        "currency": currency.upper() if currency else None,
        "other_amounts": json_cell(amounts_on_wire(others)),
        "other_subjects": json_cell(
            {name: value for name, value in dimensions.items() if name not in known}
        ),
        "key_id": record.key_id,
        "web_searches": record.metered.usage.web_searches if record.metered else 0,
        "service_tier": shown["service_tier"],
        "calls": record.calls,
        "late": str(record.late).lower(),
        "overrun": str(record.overrun).lower(),
        "metadata": json_cell(record.metadata),
    }
    return csv_row([cells[name] for name in CSV_COLUMNS])


def _focus_lines(record: UsageRecord, tenant_id: str) -> Iterable[str]:
    """Write a row for each currency; what cost no money is a charge of 0 USD."""
    money, _ = _money_and_rest(record)
    row = _focus_row(record, tenant_id)
    for currency, amount in (money or {"usd": 0}).items():
        cost = amount_text(amount)
        row |= dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost)
        row |= dict.fromkeys(("BillingCurrency", "PricingCurrency"), currency.upper())
        yield csv_row([row.get(name) for name in FOCUS_COLUMNS])


def _focus_row(record: UsageRecord, tenant_id: str) -> dict[str, object]:
    """Write what a charge has in every currency."""
    dimensions = dimensions_of(record)
    provider = text_cell(dimensions.pop("provider", None) or "unknown")
    model = text_cell(dimensions.pop("model", None))
    tokens = tokens_of(record.metered)
    quantity = tokens.get("input", 0) + tokens.get("output", 0)
    second = record.occurred_at_ms // 1000
    day = datetime.fromtimestamp(second, UTC)
    month = day.replace(day=1, hour=0, minute=0, second=0)
    next_month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
    counted, unit = (quantity, "Tokens") if quantity else (record.calls, "Calls")
    description = record.provenance.description
    return {
        "BillingAccountId": tenant_id,
        "BillingPeriodStart": _focus_time(month),
        "BillingPeriodEnd": _focus_time(next_month),
        "ChargeCategory": "Usage",
        "ChargeClass": "Correction" if record.reverses else None,
        "ChargeDescription": text_cell(description or f"{provider} {model or ''}".strip()),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _focus_time(day),
        "ChargePeriodEnd": _focus_time(datetime.fromtimestamp(second + 1, UTC)),
        "ConsumedQuantity": counted,
        "ConsumedUnit": unit,
        "PricingQuantity": counted,
        "PricingUnit": unit,
        "InvoiceIssuerName": provider,
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": record.record_id,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": model or provider,
        "SkuId": model,
        "SubAccountId": record.key_id,
        "Tags": json_cell({**dimensions, **record.metadata}),
    }


def _focus_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
