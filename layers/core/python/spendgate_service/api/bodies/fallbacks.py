"""The field with a tenant's fallback models."""

from typing import Annotated

from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    Limits,
)
from spendgate_service.api.bodies.fields import ModelNameField
from spendgate_service.pricing.names import normalised_name

FALLBACK_MODELS_MAX = 10
"""Each is priced, and its budgets are read, in every refusal of a usage."""


def _distinct(names: list[str]) -> list[str]:
    normalised = [normalised_name(*name.split("/", 1)) for name in names]
    if len(set(normalised)) < len(normalised):
        raise ValueError("two of the fallback models are the same")
    return names


FallbackModelsField = Annotated[
    list[ModelNameField],
    Limits(max_length=FALLBACK_MODELS_MAX),
    AfterValidator(_distinct),
]
