"""What the bodies of the hot path share: who spends, and by which call to a model."""

from typing import Annotated, Self

from pydantic import model_validator
from pydantic.config import JsonDict

from spendgate_service.api.bodies.fields import Body, LabelField, ReferenceField, TokensField
from spendgate_service.domain.subjects import API_KEY, ORGANIZATION, Subject
from spendgate_service.pricing.usage import Usage
from spendgate_service.wire.fields import Doc


def subjects_of(
    subjects: dict[str, str], *, tenant_id: str, key_id: str | None
) -> tuple[Subject, ...]:
    """Everybody who spends: the named subjects, the tenant, and the key if one was used."""
    named = tuple(Subject(name, subject_id) for name, subject_id in subjects.items())
    key = (Subject(API_KEY, key_id),) if key_id else ()
    return (Subject(ORGANIZATION, tenant_id), *key, *named)


class UsageBody(Body):
    """The model that was called, and what went into the call."""

    provider: Annotated[LabelField, Doc("The provider that runs the model.")]
    model: Annotated[ReferenceField, Doc("The model, as its provider names it.")]
    input_tokens: Annotated[TokensField, Doc("The tokens of the prompt, cached ones included.")]
    cached_input_tokens: Annotated[
        TokensField, Doc("The part of the input tokens that the provider had cached.")
    ] = 0

    @model_validator(mode="after")
    def _cached_is_a_part(self) -> Self:
        if self.cached_input_tokens > self.input_tokens:
            raise ValueError("cached_input_tokens are a part of input_tokens, not more than them")
        return self

    def _with_output(self, output_tokens: int) -> Usage:
        """What is to be priced."""
        return Usage(
            provider=self.provider,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=output_tokens,
            cached_input_tokens=self.cached_input_tokens,
        )


def one_of_these(amounts: str) -> JsonDict:
    """What a schema says of a body that has at least amounts or usage."""
    return {
        "anyOf": [
            {
                "required": [amounts],
                "properties": {amounts: {"type": "object", "minProperties": 1}},
            },
            {"required": ["usage"], "properties": {"usage": {"type": "object"}}},
        ]
    }
