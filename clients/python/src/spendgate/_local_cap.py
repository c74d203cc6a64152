"""Admission while the service is unavailable: up to a cap per process, recorded afterwards."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal

from spendgate._forks import Lock
from spendgate.errors import ConfigurationError
from spendgate.usage import Usage

_NINE_DIGITS = Decimal("1E-9")
_CURRENCY = "usd"


class LocalCap:
    """Grants locally, while the service is unavailable, up to an amount per unit and window.

    `LocalCap({"usd": "5"}, per=3600)` lets this process spend 5 usd in any hour. A request counts
    by its amounts, else by its usage: in `tokens`, and in `usd` priced by genai-prices (extra
    `prices`). A request that names no capped unit, or whose price is unknown, is not granted.
    """

    def __init__(
        self,
        amounts: Mapping[str, Decimal | int | float | str],
        *,
        per: float = 3600,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not amounts or per <= 0:
            raise ConfigurationError("LocalCap needs at least one amount and a positive window")
        self.amounts = {unit: Decimal(str(amount)) for unit, amount in amounts.items()}
        self.per = per
        self._monotonic = monotonic
        self._granted: deque[tuple[float, dict[str, Decimal]]] = deque()
        self._lock = Lock()
        if _CURRENCY in self.amounts:
            _require_prices()

    def take(
        self, amounts: Mapping[str, Decimal | int | float | str] | None, usage: Usage | None
    ) -> bool:
        """Grant a request if it fits into what is left of the window."""
        asked = self._asked(amounts, usage)
        if not asked:
            return False
        with self._lock:
            now = self._monotonic()
            while self._granted and self._granted[0][0] <= now - self.per:
                self._granted.popleft()
            for unit, amount in asked.items():
                used = sum((taken.get(unit, Decimal(0)) for _, taken in self._granted), Decimal(0))
                if used + amount > self.amounts[unit]:
                    return False
            self._granted.append((now, asked))
            return True

    def _asked(
        self, amounts: Mapping[str, Decimal | int | float | str] | None, usage: Usage | None
    ) -> dict[str, Decimal]:
        asked = {unit: Decimal(str(amount)) for unit, amount in (amounts or {}).items()}
        if usage is not None:
            asked.setdefault("tokens", Decimal(usage.total_tokens))
            if _CURRENCY in self.amounts and _CURRENCY not in asked:
                price = _price(usage)
                if price is None:
                    return {}
                asked[_CURRENCY] = price
        return {unit: amount for unit, amount in asked.items() if unit in self.amounts}


def _require_prices() -> None:
    try:
        import genai_prices  # noqa: F401, PLC0415 (an extra)
    except ImportError:
        raise ConfigurationError(
            "a LocalCap in usd prices usage by genai-prices: pip install 'spendgate[prices]', "
            "or cap in tokens"
        ) from None


def _price(usage: Usage) -> Decimal | None:
    import genai_prices  # noqa: PLC0415 (an extra)

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=max(usage.output_tokens, usage.max_output_tokens or 0),
    )
    try:
        priced = genai_prices.calc_price(tokens, usage.model, provider_id=usage.provider)
    except LookupError:
        return None
    return Decimal(priced.total_price).quantize(_NINE_DIGITS, rounding=ROUND_UP)
