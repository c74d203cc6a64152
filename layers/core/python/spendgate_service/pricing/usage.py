"""Pricing usage: tokens, and money by the rates of genai-prices.

genai-prices is imported when a usage is first priced: loading its table takes about 0.3 s. The
table is the one of the pinned package; nothing is ever fetched over the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from spendgate_service.domain.amounts import AMOUNT_MAX, ONE, Amount, amount_rounded_up
from spendgate_service.domain.errors import InvalidValue, UnknownPrice
from spendgate_service.domain.tenants import Price, UnpricedModel, price_key

TOKENS = "tokens"
PRICE_UNIT = "usd"
"""The unit of all prices of genai-prices."""

_UNPRICED = "no price is known for this model: its usage counts in tokens only"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model read and wrote, or may at most write.

    `cached_input_tokens` are a part of `input_tokens`, billed at the lower rate of cached input.
    """

    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0

    @property
    def tokens(self) -> Amount:
        """All tokens, as an amount."""
        return (self.input_tokens + self.output_tokens) * ONE


@dataclass(frozen=True, slots=True)
class PricedAmounts:
    """Amounts with those of a usage added; `unpriced` if money is missing for want of a price."""

    amounts: Mapping[str, Amount]
    unpriced: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What the caller should be warned of."""
        return (_UNPRICED,) if self.unpriced else ()


def with_usage(
    amounts: Mapping[str, Amount],
    usage: Usage,
    *,
    now_ms: int,
    unpriced_model: UnpricedModel = "reject",
    prices: Mapping[str, Price] | None = None,
) -> PricedAmounts:
    """The amounts, with the tokens and the price of the usage where they are not given.

    The tenant's own `prices` (by `provider/model`) come before the built-in ones. Raises
    UnknownPrice for a model without a price, unless `unpriced_model` is `allow`, and InvalidValue
    for a cost beyond all amounts. Some prices change by date: `now_ms` is the moment whose price
    holds.
    """
    priced = {**amounts, TOKENS: amounts.get(TOKENS, usage.tokens)}
    own = (prices or {}).get(price_key(usage.provider, usage.model))
    if own is not None:
        return PricedAmounts({own.currency: own_price_of(usage, own), **priced})
    if PRICE_UNIT in priced:
        return PricedAmounts(priced)
    try:
        priced[PRICE_UNIT] = price_of(usage, now_ms=now_ms)
    except UnknownPrice:
        if unpriced_model == "reject":
            raise
        return PricedAmounts(priced, unpriced=True)
    return PricedAmounts(priced)


def own_price_of(usage: Usage, price: Price) -> Amount:
    """What the usage costs at a tenant's own price, rounded up.

    Cached input costs the full rate where the price names none for it. Raises InvalidValue for a
    cost that is no amount any more.
    """
    cached_rate = price.cached_input_per_million
    if cached_rate is None:
        cached_rate = price.input_per_million
    fresh_tokens = usage.input_tokens - usage.cached_input_tokens
    total = (
        fresh_tokens * price.input_per_million
        + usage.cached_input_tokens * cached_rate
        + usage.output_tokens * price.output_per_million
    )
    cost = -(-total // 1_000_000)
    if cost > AMOUNT_MAX:
        raise InvalidValue(
            f"body.usage: its cost is more than can be counted in {price.currency}",
            param="body.usage",
        )
    return cost


def price_of(usage: Usage, *, now_ms: int) -> Amount:
    """What the usage costs in usd, rounded up to the next amount. Raises UnknownPrice."""
    import genai_prices  # noqa: PLC0415 (see the module's docstring)

    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_input_tokens,
    )
    with localcontext(prec=80):
        try:
            price = genai_prices.calc_price(
                counted,
                usage.model,
                provider_id=usage.provider,
                genai_request_timestamp=datetime.fromtimestamp(now_ms // 1000, UTC),
            )
        except LookupError:
            raise UnknownPrice(provider=usage.provider, model=usage.model) from None
        rates = price.model_price
        if _lacks(rates.input_mtok, usage.input_tokens - usage.cached_input_tokens) or _lacks(
            rates.output_mtok, usage.output_tokens
        ):
            raise UnknownPrice(provider=usage.provider, model=usage.model)
        return amount_rounded_up(price.total_price)


def builtin_price(provider: str, model: str, *, now_ms: int) -> Price | None:
    """What the built-in table says of a model, None if it says nothing.

    Where the rate depends on the size of the request, it is that of the smallest.
    """
    import genai_prices  # noqa: PLC0415 (see the module's docstring)

    try:
        price = genai_prices.calc_price(
            genai_prices.Usage(),
            model,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(now_ms // 1000, UTC),
        )
    except LookupError:
        return None
    rates = price.model_price
    read, written = _base_rate(rates.input_mtok), _base_rate(rates.output_mtok)
    if read is None and written is None:
        return None
    return Price(
        provider=provider,
        model=model,
        currency=PRICE_UNIT,
        input_per_million=read or 0,
        output_per_million=written or 0,
        cached_input_per_million=_base_rate(rates.cache_read_mtok),
    )


def _base_rate(rate: object) -> Amount | None:
    base = getattr(rate, "base", rate)
    return amount_rounded_up(base) if isinstance(base, Decimal) else None


def _lacks(rate: object, tokens: int) -> bool:
    """Whether there are tokens for which the table has no rate (and so would count nothing)."""
    return tokens > 0 and rate is None
