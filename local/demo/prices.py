"""The cost of a request, computed by the demo from genai-prices."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext

import genai_prices

USD = "usd"
TOKENS = "tokens"

type Amounts = dict[str, Decimal]

_BILLIONTH = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Model:
    """A model of genai-prices."""

    provider: str
    name: str


MODELS = (
    Model("openai", "gpt-4o"),
    Model("anthropic", "claude-sonnet-4-5"),
    Model("google", "gemini-2.5-flash"),
)


def amounts_of(model: Model, *, input_tokens: int, output_tokens: int) -> Amounts:
    """Return the tokens and their price, rounded up to the billionth as the API specifies."""
    usage = genai_prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    with localcontext(prec=50):
        price = genai_prices.calc_price(usage, model.name, provider_id=model.provider)
        usd = price.total_price.quantize(_BILLIONTH, ROUND_CEILING)
    return {USD: usd, TOKENS: Decimal(input_tokens + output_tokens)}
