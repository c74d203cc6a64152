"""docs/prices.md: its values worked out by hand, its mapping and its table's date are right."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any

import pytest

from local.paths import ROOT
from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.prices import cost_of
from spendgate_service.pricing.builtin import TABLE_DATE, TABLE_VERSION, builtin_price
from spendgate_service.pricing.provider_usage import read_provider_usage

DOCUMENT = (ROOT / "docs/prices.md").read_text(encoding="utf-8")
NOW_MS = 1_795_000_000_250

_EXAMPLE = re.compile(r"^\| (\S+) \| (\S+) \| `(\{.*\})` \| (.+) \| ([0-9.]+) \|$", re.MULTILINE)
_TERM = re.compile(r"(\d+)( searches)? \u00d7 ([0-9.]+)")
_MAPPING = re.compile(r"^\| ([A-Z][\w ]+) \| `(\w+)` \| (`.+`) \|$", re.MULTILINE)

PROVIDERS = {
    "OpenAI chat": "openai",
    "OpenAI Responses": "openai",
    "OpenAI embeddings": "openai",
    "OpenAI realtime": "openai",
    "Anthropic": "anthropic",
    "Gemini": "google",
    "Bedrock": "bedrock",
}


def by_hand(formula: str) -> Decimal:
    """Add up the terms, each of tokens at a rate for a million, or of searches."""
    terms = formula.split(" + ")
    found = [_TERM.fullmatch(term) for term in terms]
    return sum(
        (
            Decimal(term[1]) * Decimal(term[3]) / (1 if term[2] else 1_000_000)
            for term in found
            if term is not None
        ),
        Decimal(0),
    )


@pytest.mark.parametrize(
    ("provider", "model", "usage", "formula", "usd"), _EXAMPLE.findall(DOCUMENT)
)
def test_what_is_worked_out_by_hand_is_what_the_service_counts(
    provider: str, model: str, usage: str, formula: str, usd: str
) -> None:
    price = builtin_price(provider, model, now_ms=NOW_MS)
    assert price is not None
    read = read_provider_usage(provider, model, json.loads(usage))

    assert all(map(_TERM.fullmatch, formula.split(" + ")))
    assert by_hand(formula) == Decimal(usd)
    assert amount_text(cost_of(read, price).amount) == usd


def test_an_object_of_each_provider_is_worked_out() -> None:
    assert len(_EXAMPLE.findall(DOCUMENT)) == 14
    assert {example[0] for example in _EXAMPLE.findall(DOCUMENT)} == set(PROVIDERS.values())


def mappings() -> list[tuple[str, dict[str, list[str]]]]:
    """Of each object, from which of its fields each count is read."""
    rows = _MAPPING.findall(DOCUMENT)
    return [
        (name, {count: re.findall(r"`([\w.]+)`", sources) for _, count, sources in counts})
        for name, counts in groupby(rows, key=lambda row: row[0])
    ]


def with_distinct_counts(paths: list[str]) -> tuple[dict[str, Any], dict[str, int]]:
    """Make an object with another number in each field: smaller ones in the parts of others."""
    usage: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    for place, path in enumerate(dict.fromkeys(paths)):
        *parents, last = path.split(".")
        folder = usage
        for parent in parents:
            folder = folder.setdefault(parent, {})
        folder[last] = numbers[path] = (50 - place) * (1000 if not parents else 10)
    return usage, numbers


@pytest.mark.parametrize(("name", "mapping"), mappings())
def test_each_count_is_read_from_the_fields_that_the_table_names(
    name: str, mapping: Mapping[str, list[str]]
) -> None:
    usage, numbers = with_distinct_counts([path for paths in mapping.values() for path in paths])

    read = read_provider_usage(PROVIDERS[name], "m", usage)

    expected = {count: sum(numbers[path] for path in paths) for count, paths in mapping.items()}
    assert {count: getattr(read, count) for count in mapping} == expected


def test_every_kind_of_object_is_mapped_and_the_table_has_its_date() -> None:
    assert [name for name, _ in mappings()] == list(PROVIDERS)
    assert f"genai-prices {TABLE_VERSION}, published on {TABLE_DATE}" in DOCUMENT
