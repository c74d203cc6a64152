"""What a call to a model uses, and how providers report it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens of one call.

    `input_tokens` counts all input; the cached, written and audio tokens are parts of it.
    `requests` is the number of billed calls.
    `max_output_tokens` is for reservations, `output_tokens` for settlements. With
    `min_output_tokens` a reservation may be granted in part, as much of it as
    `hold.reservation.usage.max_output_tokens` says.
    """

    provider: str
    model: str
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    cached_audio_tokens: int = 0
    output_tokens: int = 0
    output_audio_tokens: int = 0
    reasoning_tokens: int = 0
    requests: int = 1
    web_searches: int = 0
    service_tier: str | None = None
    max_output_tokens: int | None = None
    min_output_tokens: int | None = None

    @property
    def total_tokens(self) -> int:
        """Input and output, or the most that may be written."""
        return self.input_tokens + max(self.output_tokens, self.max_output_tokens or 0)

    def estimate_body(self) -> dict[str, Any]:
        """The `usage` of check and reserve."""
        body = self._base_body()
        if self.max_output_tokens is not None or self.output_tokens:
            body["max_output_tokens"] = max(self.max_output_tokens or 0, self.output_tokens)
        if self.min_output_tokens is not None:
            body["min_output_tokens"] = self.min_output_tokens
        return body

    def actual_body(self) -> dict[str, Any]:
        """The `usage` of settle and record; kinds of tokens that were not used are left out."""
        output = {"output_tokens": self.output_tokens}
        parts = {name: getattr(self, name) for name in _OUTPUT_PARTS if getattr(self, name)}
        return {**self._base_body(), **output, **parts}

    def _base_body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "provider": self.provider,
            "model": self.model,
            "input_tokens": self.input_tokens,
        }
        body.update({name: getattr(self, name) for name in _INPUT_PARTS if getattr(self, name)})
        if self.requests != 1:
            body["requests"] = self.requests
        return body


COUNTS = tuple(
    usage_field.name
    for usage_field in fields(Usage)
    if usage_field.name
    not in {"provider", "model", "service_tier", "max_output_tokens", "min_output_tokens"}
)
"""The fields of a usage that add up over calls."""

_INPUT_PARTS = (
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "cached_audio_tokens",
    "web_searches",
    "service_tier",
)
_OUTPUT_PARTS = ("output_audio_tokens", "reasoning_tokens")

_SERVICE_TIERS = {"flex": "flex", "priority": "priority", "batch": "batch"}


def usage_from_provider(provider: str, model: str, usage: object) -> Usage | None:
    """Read the usage object of OpenAI (chat, Responses, embeddings), Anthropic or LiteLLM.

    `usage` may be the SDK's object or its JSON. Returns None if it is neither.
    """
    fields = _as_mapping(usage)
    if "prompt_tokens" in fields:
        return _read_openai_chat(provider, model, fields)
    if "cache_read_input_tokens" in fields or "cache_creation_input_tokens" in fields:
        return _read_anthropic(provider, model, fields)
    if "input_tokens" in fields and "total_tokens" not in fields:
        return _read_anthropic(provider, model, fields)
    if "input_tokens" in fields:
        return _read_openai_responses(provider, model, fields)
    return None


def _read_openai_chat(provider: str, model: str, fields: Mapping[str, Any]) -> Usage:
    prompt = _as_mapping(fields.get("prompt_tokens_details"))
    completion = _as_mapping(fields.get("completion_tokens_details"))
    lifetimes = _as_mapping(prompt.get("cache_creation_token_details"))
    tools = _as_mapping(fields.get("server_tool_use"))
    return Usage(
        provider=provider,
        model=model,
        input_tokens=_count(fields, "prompt_tokens"),
        cached_input_tokens=_count(prompt, "cached_tokens"),
        cache_write_tokens=_count(fields, "cache_creation_input_tokens"),
        cache_write_1h_tokens=_count(lifetimes, "ephemeral_1h_input_tokens"),
        input_audio_tokens=_count(prompt, "audio_tokens"),
        output_tokens=_count(fields, "completion_tokens"),
        output_audio_tokens=_count(completion, "audio_tokens"),
        reasoning_tokens=_count(completion, "reasoning_tokens"),
        web_searches=_count(tools, "web_search_requests"),
        service_tier=_SERVICE_TIERS.get(str(fields.get("service_tier"))),
    )


def _read_openai_responses(provider: str, model: str, fields: Mapping[str, Any]) -> Usage:
    inputs = _as_mapping(fields.get("input_tokens_details"))
    outputs = _as_mapping(fields.get("output_tokens_details"))
    return Usage(
        provider=provider,
        model=model,
        input_tokens=_count(fields, "input_tokens"),
        cached_input_tokens=_count(inputs, "cached_tokens"),
        output_tokens=_count(fields, "output_tokens"),
        reasoning_tokens=_count(outputs, "reasoning_tokens"),
        service_tier=_SERVICE_TIERS.get(str(fields.get("service_tier"))),
    )


def _read_anthropic(provider: str, model: str, fields: Mapping[str, Any]) -> Usage:
    """Anthropic reports fresh, read and written input side by side; the sum is the input."""
    read = _count(fields, "cache_read_input_tokens")
    written = _count(fields, "cache_creation_input_tokens")
    by_lifetime = _as_mapping(fields.get("cache_creation"))
    tools = _as_mapping(fields.get("server_tool_use"))
    return Usage(
        provider=provider,
        model=model,
        input_tokens=_count(fields, "input_tokens") + read + written,
        cached_input_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=_count(by_lifetime, "ephemeral_1h_input_tokens"),
        output_tokens=_count(fields, "output_tokens"),
        web_searches=_count(tools, "web_search_requests"),
        service_tier=_SERVICE_TIERS.get(str(fields.get("service_tier"))),
    )


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) else 0


def _as_mapping(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    dump = getattr(value, "model_dump", None)
    return dump(exclude_none=True) if callable(dump) else {}
