"""What the bodies of the hot path share: who spends, and by which call to a model."""

from collections.abc import Mapping
from typing import Annotated

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import JsonSchema
from spendgate_service.api.bodies.fields import LabelField, ReferenceField, TokensField
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.model_usage import ServiceTier, Usage
from spendgate_service.domain.subjects import (
    ANY_ID,
    API_KEY,
    MODEL,
    ORGANIZATION,
    ORGANIZATION_SPELLINGS,
    Subject,
    make_subject,
)
from spendgate_service.pricing.names import subject_name
from spendgate_service.wire.fields import Doc


def subjects_of(
    subjects: Mapping[str, str],
    *,
    tenant_id: str,
    key_id: str | None,
    usage: "UsageBody | None" = None,
    root: str = "body.subjects",
) -> tuple[Subject, ...]:
    """List who spends: the named subjects, the tenant, the key if one was used, and the model.

    The model of a usage is the subject `model` unless the request names another. `root` is where
    the subjects stand in the request. Raises InvalidValue for another organization.
    """
    named = []
    for name, subject_id in subjects.items():
        if name not in ORGANIZATION_SPELLINGS:
            named.append(Subject(name, subject_id))
        elif subject_id != tenant_id:
            param = f"{root}.{name}"
            own = Subject(ORGANIZATION, tenant_id)
            raise InvalidValue(f"{param}: this is not your organization, {own}", param=param)
    if usage is not None and MODEL not in subjects:
        named.append(_model_of(usage))
    key = [Subject(API_KEY, key_id)] if key_id else []
    return (Subject(ORGANIZATION, tenant_id), *key, *named)


def entry_subjects(subjects: Mapping[str, str], usage: "UsageBody | None") -> tuple[Subject, ...]:
    """List the subjects of an entry of a lease, which has those of the credential itself."""
    named = [
        Subject(name, subject_id)
        for name, subject_id in subjects.items()
        if name not in ORGANIZATION_SPELLINGS
    ]
    if usage is not None and MODEL not in subjects:
        named.append(_model_of(usage))
    return tuple(named)


def _model_of(usage: "UsageBody") -> Subject:
    param = "body.usage.model"
    if ANY_ID in usage.model:
        raise InvalidValue(f"{param}: a model's name has no {ANY_ID}", param=param)
    try:
        return make_subject(MODEL, subject_name(usage.provider, usage.model))
    except InvalidValue as error:
        raise InvalidValue(f"{param}: {error}", param=param) from None


class UsageBody(Body):
    """The model that was called, and what went into the call.

    Of `input_tokens`: cached, written to the cache, audio. `requests` are billed calls.
    """

    provider: Annotated[LabelField, Doc("The provider that runs the model.")]
    model: Annotated[ReferenceField, Doc("The model, as its provider names it.")]
    input_tokens: Annotated[
        TokensField | None, Doc("All tokens that go in: fresh, cached, written to a cache, audio.")
    ] = None
    cached_input_tokens: Annotated[
        TokensField, Doc("The part of the input tokens that was read from a cache.")
    ] = 0
    cache_write_tokens: Annotated[
        TokensField, Doc("The part of the input tokens that was written to a cache.")
    ] = 0
    cache_write_1h_tokens: Annotated[
        TokensField, Doc("The part of the cache writes that is kept for an hour.")
    ] = 0
    input_audio_tokens: Annotated[
        TokensField, Doc("The part of the input tokens that is audio.")
    ] = 0
    cached_audio_tokens: Annotated[
        TokensField, Doc("The part of the cached input tokens that is audio.")
    ] = 0
    output_audio_tokens: Annotated[
        TokensField, Doc("The part of the output tokens that is audio.")
    ] = 0
    reasoning_tokens: Annotated[
        TokensField, Doc("The part of the output tokens that is reasoning.")
    ] = 0
    requests: Annotated[TokensField, Doc("How many calls are billed.")] = 1
    web_searches: Annotated[TokensField, Doc("How many web searches are billed.")] = 0
    service_tier: Annotated[
        ServiceTier, Doc("The service tier of the provider: standard, batch, flex or priority.")
    ] = "standard"

    def _with_output(self, output_tokens: int) -> Usage:
        """Return what is priced. Raises ValueError where parts are more than their total."""
        counts = self.model_dump(include=_COUNTS)
        usage = Usage(
            self.provider,
            self.model,
            self.input_tokens or 0,
            output_tokens,
            service_tier=self.service_tier,
            **counts,
        )
        try:
            usage.check()
        except InvalidValue as error:
            raise ValueError(str(error)) from None
        return usage


_COUNTS = set(UsageBody.field_names()) - {"provider", "model", "input_tokens", "service_tier"}


def one_of_these(amounts: str) -> JsonSchema:
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
