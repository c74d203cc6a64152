"""Alternatives: the models that fit in place of the one that was asked for."""

from collections.abc import Iterable
from typing import Annotated, TypedDict

from spendgate_service.domain.fitting import Alternative
from spendgate_service.wire.fields import Amounts, Doc
from spendgate_service.wire.values import amounts_on_wire


class AlternativeResponse(TypedDict):
    """A fallback model that fits now, with the same input and at most the same output."""

    provider: Annotated[str, Doc("The provider that runs the model.")]
    model: Annotated[str, Doc("The model, as the tenant's fallback_models name it.")]
    max_output_tokens: Annotated[
        int, Doc("The most output tokens that fit, up to those asked for.")
    ]
    amounts: Annotated[Amounts, Doc("The amounts that a reservation of that would hold, by unit.")]


def alternatives_response(alternatives: Iterable[Alternative]) -> list[AlternativeResponse]:
    """Build the list of what fits, cheapest first."""
    return [
        {
            "provider": alternative.provider,
            "model": alternative.model,
            "max_output_tokens": alternative.output_tokens,
            "amounts": amounts_on_wire(alternative.amounts),
        }
        for alternative in alternatives
    ]
