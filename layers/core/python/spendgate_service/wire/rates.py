"""Conversion rates."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.rates import Rate
from spendgate_service.wire.values import time_on_wire


def rate_response(rate: Rate) -> dict[str, object]:
    """How much of `to` one of `from` is worth."""
    return {
        "from": rate.source,
        "to": rate.target,
        "rate": amount_text(rate.rate),
        "max_age_seconds": rate.max_age_seconds,
        "updated_at": time_on_wire(rate.updated_at_ms),
    }
