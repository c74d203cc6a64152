"""Usage becomes tokens and money: every kind of token at its own rate, rounded up.

Each value was worked out by hand from the rates beside it (usd per million tokens).
"""

import socket
import subprocess
import sys

import pytest

from spendgate_service.domain.amounts import AMOUNT_MAX, ONE, amount_text, parse_amount
from spendgate_service.domain.errors import InvalidValue, UnknownPrice
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.prices import Price, PriceTier, Rates, cost_of
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.builtin import TABLE_VERSION, builtin_price
from spendgate_service.pricing.library import installed_table_version
from spendgate_service.pricing.priced_amounts import PricedAmounts, own_price, with_usage
from spendgate_service.pricing.provider_usage import read_provider_usage

NOW_MS = 1_795_000_000_250
MILLION = 1_000_000
TENANT = Tenant("acme")
CLAUDE = "claude-3-7-sonnet-20250219"  # 3 in, 0.3 cached, 3.75 written, 6 written for 1 h, 15 out


def usd(usage: Usage) -> str:
    price = builtin_price(usage.provider, usage.model, now_ms=NOW_MS)
    assert price is not None
    return amount_text(cost_of(usage, price).amount)


def own(provider: str = "p", model: str = "m", **rates: str) -> Price:
    return Price(
        provider, model, "usd", Rates(**{name: parse_amount(rate) for name, rate in rates.items()})
    )


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        # gpt-4o: 2.5 in, 1.25 cached, 10 out
        (Usage("openai", "gpt-4o", MILLION), "2.5"),
        (Usage("openai", "gpt-4o", 0, MILLION), "10"),
        (Usage("openai", "gpt-4o", MILLION, cached_input_tokens=MILLION), "1.25"),
        (Usage("openai", "gpt-4o", 1200, 800, cached_input_tokens=200), "0.01075"),
        (Usage("openai", "gpt-4o", 1), "0.0000025"),
        (Usage("openai", "gpt-4o"), "0"),
        (Usage("openai", "gpt-4o", 10**12, 10**12), "12500000"),
        (Usage("anthropic", CLAUDE, 12_307, 550, cache_write_tokens=12_304), "0.054399"),
        (
            Usage(
                "anthropic", CLAUDE, 12_307, 550,
                cache_write_tokens=12_304, cache_write_1h_tokens=12_304,
            ),
            "0.082083",
        ),
        (
            Usage(
                "anthropic", CLAUDE, 10_000, 100,
                cached_input_tokens=5000, cache_write_tokens=3000,
            ),
            "0.02025",
        ),
        # gemini-2.5-flash: 1 for audio in
        (Usage("google", "gemini-2.5-flash", MILLION, input_audio_tokens=MILLION), "1"),
        # gemini-2.5-pro: 1.25 in and 10 out up to 200,000 input tokens, above 2.5 and 15
        (Usage("google", "gemini-2.5-pro", 200_000, 1000), "0.26"),
        (Usage("google", "gemini-2.5-pro", 200_001, 1000), "0.5150025"),
        # gpt-5: 1.25 in; half of it in batch and flex, twice as priority
        (Usage("openai", "gpt-5", MILLION, service_tier="flex"), "0.625"),
        (Usage("openai", "gpt-5", MILLION, service_tier="batch"), "0.625"),
        (Usage("openai", "gpt-5", MILLION, service_tier="priority"), "2.5"),
        (Usage("anthropic", "claude-sonnet-4-5", 100_000, service_tier="batch"), "0.15"),
        # an embedding: 0.02 in
        (Usage("openai", "text-embedding-3-small", 1000), "0.00002"),
        # reasoning costs the output rate of 10
        (Usage("openai", "gpt-5", 0, 1000, reasoning_tokens=800), "0.01"),
        # claude-sonnet-4-5 searches the web at 10 per 1,000
        (Usage("anthropic", "claude-sonnet-4-5", 0, 0, web_searches=3), "0.03"),
    ],
)  # fmt: skip
def test_every_kind_of_token_costs_its_own_rate(usage: Usage, cost: str) -> None:
    assert usd(usage) == cost


@pytest.mark.parametrize(
    ("usage", "missing"),
    [
        (
            Usage("openai", "gpt-4o-audio-preview", 17, 592, output_audio_tokens=482),
            "output_audio_per_million",
        ),
        (Usage("openai", "gpt-4o", 100, cache_write_tokens=10), "cache_write_per_million"),
        (
            Usage("openai", "gpt-4o", 9, cache_write_tokens=9, cache_write_1h_tokens=9),
            "cache_write_1h_per_million",
        ),
        (Usage("openai", "gpt-4o", 9, input_audio_tokens=9), "input_audio_per_million"),
        (Usage("openai", "text-embedding-3-small", 5, 1), "output_per_million"),
        (Usage("mistral", "mistral-embed", 5, 0, web_searches=1), "per_web_search"),
        (Usage("openai", "gpt-4o", 5, service_tier="priority"), "service_tiers.priority"),
    ],
)
def test_a_rate_that_is_missing_is_named_and_never_replaced_by_another(
    usage: Usage, missing: str
) -> None:
    if missing == "service_tiers.priority":
        usage = Usage("azure", "gpt-5", 5, service_tier="priority")

    with pytest.raises(UnknownPrice, match=missing) as refused:
        usd(usage)

    assert refused.value.missing == missing


@pytest.mark.parametrize("service_tier", ["batch", "flex"])
def test_a_service_tier_without_a_price_counts_at_the_standard_rate_with_a_warning(
    service_tier: str,
) -> None:
    price = own(input_per_million="10", output_per_million="20")

    cost = cost_of(Usage("p", "m", MILLION, service_tier=service_tier), price)  # type: ignore[arg-type]

    assert cost.amount == 10 * ONE
    assert cost.warnings == (f"p/m has no {service_tier} price; counted at the standard rate",)


def test_an_own_price_has_factors_calls_searches_and_tiers() -> None:
    price = Price(
        "p", "m", "eur",
        Rates(input_per_million=10 * ONE, output_per_million=20 * ONE),
        tiers=(PriceTier(100, Rates(input_per_million=30 * ONE)),),
        per_request=ONE // 10,
        per_web_search=ONE // 100,
        service_tiers={"batch": ONE // 2},
    )  # fmt: skip

    # 100 in at 10, 1 out at 20, one call
    assert cost_of(Usage("p", "m", 100, 1), price).amount == 1_020_000 + ONE // 10
    # 101 in at 30, the output rate stays; two calls, three searches
    above = Usage("p", "m", 101, 1, requests=2, web_searches=3)
    assert cost_of(above, price).amount == 3_050_000 + 2 * ONE // 10 + 3 * ONE // 100
    # the factor is the tokens', not the call's
    batch = Usage("p", "m", MILLION, service_tier="batch")
    assert cost_of(batch, price).amount == 15 * ONE + ONE // 10


@pytest.mark.parametrize(
    ("provider", "model", "usage", "cost", "tokens"),
    [
        (  # OpenAI chat, gpt-4o: 600 at 2.5, 400 at 1.25, 200 at 10
            "openai", "gpt-4o",
            {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
             "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
             "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}},
            "0.004", 1200,
        ),
        (  # OpenAI Responses, gpt-5: 600 at 1.25, 400 at 0.125, 200 at 10
            "openai", "gpt-5",
            {"input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200,
             "input_tokens_details": {"cached_tokens": 400},
             "output_tokens_details": {"reasoning_tokens": 150}},
            "0.0028", 1200,
        ),
        (  # an embedding: 8 at 0.02
            "openai", "text-embedding-3-small", {"prompt_tokens": 8, "total_tokens": 8},
            "0.00000016", 8,
        ),
        (  # realtime: in 55 at 4, 64 cached at 0.4, 13 audio at 32; out 30 at 16, 91 audio at 64
            "openai", "gpt-realtime",
            {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
             "input_token_details": {
                 "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
                 "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0}},
             "output_token_details": {"text_tokens": 30, "audio_tokens": 91}},
            "0.0069656", 253,
        ),
        (  # Anthropic: 3 at 3, 12,304 written for 5 minutes at 3.75, 550 at 15
            "anthropic", CLAUDE,
            {"input_tokens": 3, "cache_creation_input_tokens": 12304,
             "cache_read_input_tokens": 0, "output_tokens": 550},
            "0.054399", 12_857,
        ),
        (  # Anthropic: 100 of the 12,304 written for 5 minutes, 12,204 for an hour at 6
            "anthropic", CLAUDE,
            {"input_tokens": 3, "cache_creation_input_tokens": 12304, "cache_read_input_tokens": 0,
             "cache_creation": {"ephemeral_5m_input_tokens": 100,
                                "ephemeral_1h_input_tokens": 12204},
             "output_tokens": 550, "service_tier": "standard"},
            "0.081858", 12_857,
        ),
        (  # Gemini, gemini-2.5-flash: 800 at 0.3, 200 cached at 0.03, 300 and 100 thoughts at 2.5
            "google", "gemini-2.5-flash",
            {"promptTokenCount": 1000, "cachedContentTokenCount": 200, "candidatesTokenCount": 300,
             "thoughtsTokenCount": 100, "totalTokenCount": 1400},
            "0.001246", 1400,
        ),
        (  # Gemini with 400 of the prompt as audio at 1, 600 at 0.3, 10 at 2.5
            "google", "models/gemini-2.5-flash",
            {"promptTokenCount": 1000, "candidatesTokenCount": 10, "totalTokenCount": 1010,
             "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 600},
                                     {"modality": "AUDIO", "tokenCount": 400}]},
            "0.000605", 1010,
        ),
        (  # Gemini above its tier: 300,000 at 2.5, 100 at 15
            "google", "gemini-2.5-pro",
            {"promptTokenCount": 300_000, "candidatesTokenCount": 100, "totalTokenCount": 300_100},
            "0.7515", 300_100,
        ),
        (  # Bedrock, Claude 3.5 Haiku: 1,000 at 0.8, 200 at 4
            "bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0",
            {"inputTokens": 1000, "outputTokens": 200, "totalTokens": 1200},
            "0.0016", 1200,
        ),
    ],
)  # fmt: skip
def test_a_providers_own_usage_object_is_priced_as_the_provider_bills_it(
    provider: str, model: str, usage: dict[str, object], cost: str, tokens: int
) -> None:
    read = read_provider_usage(provider, model, usage)

    assert (usd(read), read.tokens) == (cost, tokens * ONE)


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        ({}, "no usage object"),
        ({"tokens": 5}, "no usage object"),
        ({"prompt_tokens": "5", "completion_tokens": 1}, "cannot be read"),
        ({"prompt_tokens": -5, "completion_tokens": 1}, "cannot be read|parts"),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 6},
            },
            "cached_input_tokens",
        ),
    ],
)
def test_a_usage_object_that_is_none_is_refused_with_a_sentence(
    usage: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidValue, match=says):
        read_provider_usage("openai", "gpt-4o", usage)


@pytest.mark.parametrize(
    "usage",
    [
        Usage("p", "m", 5, cached_input_tokens=6),
        Usage("p", "m", 5, cached_input_tokens=3, cache_write_tokens=3),
        Usage("p", "m", 9, cache_write_tokens=3, cache_write_1h_tokens=4),
        Usage("p", "m", 9, input_audio_tokens=3, cached_input_tokens=4, cached_audio_tokens=4),
        Usage("p", "m", 9, input_audio_tokens=5, cached_input_tokens=5),
        Usage("p", "m", 0, 5, output_audio_tokens=3, reasoning_tokens=3),
    ],
)
def test_parts_that_are_more_than_their_total_are_refused(usage: Usage) -> None:
    with pytest.raises(InvalidValue, match="part"):
        usage.check()


def test_a_price_below_the_smallest_amount_is_rounded_up() -> None:
    smallest = Price("p", "m", "usd", Rates(input_per_million=1, output_per_million=0))

    assert cost_of(Usage("p", "m", 1), smallest).amount == 1
    assert cost_of(Usage("p", "m", 1_000_001), smallest).amount == 2


@pytest.mark.parametrize(("provider", "model"), [("openai", "no-such-model"), ("acme", "gpt-4o")])
def test_usage_of_an_unknown_model_is_refused(provider: str, model: str) -> None:
    with pytest.raises(UnknownPrice, match="no price is known"):
        with_usage({}, Usage(provider, model, 1, 1), TENANT, now_ms=NOW_MS)


def test_usage_adds_tokens_and_money() -> None:
    priced = with_usage({}, Usage("openai", "gpt-4o", 1200, 800), TENANT, now_ms=NOW_MS)

    assert priced.amounts == {"tokens": 2000 * ONE, "usd": parse_amount("0.011")}


def test_what_the_caller_says_wins() -> None:
    given = {"tokens": ONE, "usd": 2 * ONE, "credits": 3 * ONE}
    unknown = Usage("p", "m", 1, 1)

    assert (
        with_usage(given, Usage("openai", "gpt-4o", 1200), TENANT, now_ms=NOW_MS).amounts == given
    )
    assert with_usage({"usd": ONE}, unknown, TENANT, now_ms=NOW_MS).amounts == {
        "usd": ONE,
        "tokens": 2 * ONE,
    }


def test_a_tenant_may_allow_usage_without_a_price() -> None:
    allowing = Tenant("acme", unpriced_model="allow")

    for unknown in (
        Usage("openai", "no-such-model", 5),
        Usage("openai", "gpt-4o", 5, cache_write_tokens=5),
    ):
        with pytest.raises(UnknownPrice):
            with_usage({}, unknown, TENANT, now_ms=NOW_MS)
        assert with_usage({}, unknown, allowing, now_ms=NOW_MS) == PricedAmounts(
            {"tokens": 5 * ONE}, unpriced=True
        )


def test_an_own_price_replaces_the_built_in_one_whole() -> None:
    tenant = TENANT.with_price(
        own("openai", "gpt-4o", input_per_million="1", output_per_million="1")
    )
    cached = Usage("openai", "gpt-4o", MILLION, cached_input_tokens=MILLION)

    assert with_usage({}, cached, tenant, now_ms=NOW_MS).amounts["usd"] == ONE
    with pytest.raises(UnknownPrice, match="cache_write_per_million"):
        with_usage({}, Usage("openai", "gpt-4o", 5, cache_write_tokens=5), tenant, now_ms=NOW_MS)


def test_a_dated_model_with_a_price_of_its_own_is_not_counted_at_the_own_price_of_its_base() -> (
    None
):
    tenant = TENANT.with_price(own("openai", "gpt-4o", input_per_million="100"))

    # the table has gpt-4o-2024-05-13 as a model of its own, and not gpt-4o-2024-08-06
    assert own_price(tenant, "openai", "gpt-4o-2024-05-13") is None
    assert own_price(tenant, "openai", "gpt-4o-2024-08-06") is not None


def test_a_cost_beyond_all_amounts_is_refused_and_not_stored() -> None:
    dear = Price("me", "m", "eur", Rates(input_per_million=AMOUNT_MAX, output_per_million=ONE))
    tenant = TENANT.with_price(dear)

    with pytest.raises(InvalidValue, match="more than can be counted in eur") as refused:
        with_usage({}, Usage("me", "m", 1_000_001), tenant, now_ms=NOW_MS)

    assert refused.value.param == "body.usage"


def test_the_date_of_the_price_table_is_that_of_the_pinned_release() -> None:
    assert installed_table_version() == TABLE_VERSION


def test_pricing_never_touches_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("pricing opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)

    assert usd(Usage("openai", "gpt-4o", 1)) == "0.0000025"


@pytest.mark.parametrize(
    "module", ["spendgate_service.api.bodies.spending", "spendgate_service.api.http"]
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
