"""Usage becomes tokens and money, exactly, rounded up, from the table of the pinned package."""

import socket
import subprocess
import sys

import pytest

from spendgate_service.domain.amounts import AMOUNT_MAX, ONE, parse_amount
from spendgate_service.domain.errors import InvalidValue, UnknownPrice
from spendgate_service.domain.tenants import Price
from spendgate_service.pricing.usage import PricedAmounts, Usage, own_price_of, price_of, with_usage

NOW_MS = 1_772_366_400_250


def gpt_4o(input_tokens: int, output_tokens: int = 0, cached: int = 0) -> Usage:
    return Usage("openai", "gpt-4o", input_tokens, output_tokens, cached)


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (gpt_4o(1_000_000), "2.5"),
        (gpt_4o(0, 1_000_000), "10"),
        (gpt_4o(1_000_000, 0, 1_000_000), "1.25"),
        (gpt_4o(1200, 800, 200), "0.01075"),
        (gpt_4o(1), "0.0000025"),
        (gpt_4o(0), "0"),
        (gpt_4o(10**12, 10**12), "12500000"),
    ],
)
def test_input_cached_input_and_output_have_their_own_rates(usage: Usage, usd: str) -> None:
    assert price_of(usage, now_ms=NOW_MS) == parse_amount(usd)


def test_a_price_below_the_smallest_amount_is_rounded_up() -> None:
    tiny = Usage("openai", "text-embedding-3-small", 1, 0)
    price = price_of(tiny, now_ms=NOW_MS)
    thousand = price_of(Usage("openai", "text-embedding-3-small", 1000, 0), now_ms=NOW_MS)

    assert price * 1000 >= thousand > 0


def test_a_tenants_own_price_is_rounded_up_as_well() -> None:
    smallest = Price("p", "m", "usd", input_per_million=1, output_per_million=0)

    assert own_price_of(Usage("p", "m", 1, 0), smallest) == 1
    assert own_price_of(Usage("p", "m", 1_000_001, 0), smallest) == 2


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "no-such-model"), ("nobody", "gpt-4o"), ("openai", "text-embedding-3-small")],
)
def test_usage_without_a_price_is_refused(provider: str, model: str) -> None:
    with pytest.raises(UnknownPrice):
        price_of(Usage(provider, model, 1, 1), now_ms=NOW_MS)


def test_usage_adds_tokens_and_money() -> None:
    priced = with_usage({}, gpt_4o(1200, 800), now_ms=NOW_MS)

    assert priced == PricedAmounts({"tokens": 2000 * ONE, "usd": parse_amount("0.011")})


def test_what_the_caller_says_wins() -> None:
    given = {"tokens": ONE, "usd": 2 * ONE, "credits": 3 * ONE}

    assert with_usage(given, gpt_4o(1200, 800), now_ms=NOW_MS).amounts == given
    assert with_usage({"usd": ONE}, Usage("p", "m", 1, 1), now_ms=NOW_MS).amounts == {
        "usd": ONE,
        "tokens": 2 * ONE,
    }


def test_a_tenant_may_allow_usage_without_a_price() -> None:
    unknown = Usage("openai", "no-such-model", 5, 0)

    with pytest.raises(UnknownPrice):
        with_usage({}, unknown, now_ms=NOW_MS)
    assert with_usage({}, unknown, now_ms=NOW_MS, unpriced_model="allow") == PricedAmounts(
        {"tokens": 5 * ONE}, unpriced=True
    )


def test_a_cost_beyond_all_amounts_is_refused_and_not_stored() -> None:
    dear = Price("me", "m", "eur", AMOUNT_MAX, ONE, None, NOW_MS)
    usage = Usage("me", "m", 1_000_001, 0)

    with pytest.raises(InvalidValue, match="more than can be counted in eur") as refused:
        with_usage({}, usage, now_ms=NOW_MS, prices={"me/m": dear})

    assert refused.value.param == "body.usage"


def test_pricing_never_touches_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("pricing opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)

    assert price_of(gpt_4o(1), now_ms=NOW_MS) > 0


@pytest.mark.parametrize(
    "module",
    [
        "spendgate_service.api.bodies.spending",
        "spendgate_service.api.http",
        "spendgate_service.wire.reservations",
    ],
)
def test_the_price_table_is_not_loaded_before_it_is_needed(module: str) -> None:
    code = (
        f"import sys, {module}; heavy = {{'genai_prices', 'boto3', "
        "'spendgate_service.api.bodies.administration', 'spendgate_service.api.openapi.document'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert run.stdout.strip() == "[]"
