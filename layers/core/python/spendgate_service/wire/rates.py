"""Conversion rates."""

from typing import Annotated, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.rates import Rate
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.values import time_on_wire

RateResponse = TypedDict(  # a field is named `from`, which is a keyword of Python
    "RateResponse",
    {
        "from": Annotated[str, Doc("The unit that is converted.")],
        "to": Annotated[str, Doc("The unit that it is converted to.")],
        "rate": Annotated[AmountText, Doc("How much of `to` one of `from` is worth.")],
        "max_age_seconds": Annotated[
            int | None, Doc("How long the rate is valid after it was set; null: without limit.")
        ],
        "updated_at": Annotated[Time, Doc("When the rate was set.")],
    },
)


def rate_response(rate: Rate) -> RateResponse:
    """Build the response about one rate."""
    return {
        "from": rate.source,
        "to": rate.target,
        "rate": amount_text(rate.rate),
        "max_age_seconds": rate.max_age_seconds,
        "updated_at": time_on_wire(rate.updated_at_ms),
    }
