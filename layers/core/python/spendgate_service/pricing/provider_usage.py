"""A provider's own usage object, as it came back with the response, read into our counts.

Providers disagree on what a total contains: Anthropic's input leaves out what was read from and
written to the cache, Gemini's candidates leave out the thoughts. genai-prices' extraction knows
each; this module tells from an object's fields whose it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.model_usage import ServiceTier, Usage
from spendgate_service.pricing.names import normalised_provider

type UsageObject = Mapping[str, object]

PARAM = "body.usage.provider_usage"

_COUNTS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cached_input_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "cache_audio_read_tokens": "cached_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "cache_image_read_tokens": "cached_image_tokens",
    "input_video_tokens": "input_video_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "output_image_tokens": "output_image_tokens",
    "output_video_tokens": "output_video_tokens",
    "web_searches": "web_searches",
}
"""The extraction's names of counts, and ours."""

_SERVICE_TIERS: Mapping[object, ServiceTier] = {"batch": "batch", "flex": "flex"}
"""What an object may say of its service tier. Not `priority`: few prices have it, and a report of
money that is spent is not refused for a word in the provider's response."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """One kind of usage object: the field that gives it away, and who extracts it."""

    has: str
    extractor: str
    flavor: str
    path: tuple[str, ...] = ("usage",)


_SHAPES = (
    _Shape("promptTokenCount", "google", "default", ("usageMetadata",)),
    _Shape("candidatesTokenCount", "google", "default", ("usageMetadata",)),
    _Shape("inputTokens", "aws", "default"),
    _Shape("completion_tokens", "openai", "chat"),
    _Shape("prompt_tokens", "openai", "embeddings"),
    _Shape("input_token_details", "openai", "realtime", ("response", "usage")),
    _Shape("cache_creation_input_tokens", "anthropic", "default"),
    _Shape("cache_read_input_tokens", "anthropic", "default"),
    _Shape("server_tool_use", "anthropic", "default"),
    _Shape("input_tokens_details", "openai", "responses"),
)
"""In this order; the first that fits is it."""

_ANTHROPIC = _Shape("input_tokens", "anthropic", "default")
_RESPONSES = _Shape("input_tokens", "openai", "responses")


def read_provider_usage(
    provider: str,
    model: str,
    usage: UsageObject,
    *,
    requests: int = 1,
    service_tier: ServiceTier | None = None,
) -> Usage:
    """The counts of a provider's usage object.

    A service tier that the object names counts unless the caller names one. Raises InvalidValue
    for an object that is none of OpenAI's (chat, Responses, embeddings, realtime), Anthropic's,
    Gemini's or Bedrock's.
    """
    shape = _shape_of(provider, usage)
    extracted = _extracted(provider, usage, shape)
    counts = {
        ours: int(value)
        for theirs, ours in _COUNTS.items()
        if isinstance(value := extracted.get(theirs), (int, float)) and value
    }
    tier = service_tier or _SERVICE_TIERS.get(usage.get("service_tier"), "standard")
    read = Usage(provider, model, requests=requests, service_tier=tier, **counts)
    read.check()
    return read


def _shape_of(provider: str, usage: UsageObject) -> _Shape:
    for shape in _SHAPES:
        if shape.has in usage:
            return _images(usage) or shape
    if "input_tokens" in usage:
        return _ANTHROPIC if normalised_provider(provider) == "anthropic" else _RESPONSES
    raise InvalidValue(
        "this is no usage object of OpenAI, Anthropic, Gemini or Bedrock; "
        "send the counts instead (input_tokens, output_tokens, ...)",
        param=PARAM,
    )


def _images(usage: UsageObject) -> _Shape | None:
    details = usage.get("input_tokens_details")
    if isinstance(details, Mapping) and "image_tokens" in details and "text_tokens" in details:
        return _Shape("input_tokens_details", "openai", "images")
    return None


def _extracted(provider: str, usage: UsageObject, shape: _Shape) -> Mapping[str, object]:
    """What genai-prices reads; the provider's own extraction where it has that flavor."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 (0.3 s to load)

    snapshot = get_snapshot()
    response: object = usage
    for name in reversed(shape.path):
        response = {name: response}
    extractors = [snapshot.find_provider(None, shape.extractor, None)]
    try:
        own = snapshot.find_provider(None, normalised_provider(provider), None)
        if any(
            known.api_flavor == shape.flavor and _root(known.root) == shape.path
            for known in own.extractors or ()
        ):
            extractors.insert(0, own)
    except LookupError:
        pass
    try:
        _, read = extractors[0].extract_usage(response, api_flavor=shape.flavor)
    except ValueError as error:
        raise InvalidValue(
            f"it cannot be read as {shape.flavor} usage: {error}", param=PARAM
        ) from None
    return vars(read)


def _root(root: object) -> tuple[str, ...]:
    return (root,) if isinstance(root, str) else tuple(root)  # type: ignore[arg-type]
