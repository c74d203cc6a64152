"""What one call to a model used, or may at most use: tokens by kind, calls and searches.

A total contains its parts: `input_tokens` counts everything that was read, `output_tokens`
everything that was written. Providers disagree on this; `pricing.provider_usage` reads theirs.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal

from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.errors import InvalidValue

TOKENS = "tokens"
"""The unit in which the tokens of a usage count."""

type ServiceTier = Literal["standard", "batch", "flex", "priority"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model read and wrote, or may at most write.

    Of `input_tokens`: read from a cache (of which audio), written to one (of which for an hour),
    audio, images and video. Of `output_tokens`: audio, reasoning, images and video. Images and
    video come from a provider's own usage object only.
    """

    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    cached_audio_tokens: int = 0
    input_image_tokens: int = 0
    cached_image_tokens: int = 0
    input_video_tokens: int = 0
    output_audio_tokens: int = 0
    reasoning_tokens: int = 0
    output_image_tokens: int = 0
    output_video_tokens: int = 0
    requests: int = 1
    web_searches: int = 0
    service_tier: ServiceTier = "standard"

    def __neg__(self) -> "Usage":
        """Return the usage with every count negative, for the reversal of a spend."""
        return replace(self, **{name: -getattr(self, name) for name in COUNTS})

    @property
    def tokens(self) -> Amount:
        """All tokens, as an amount."""
        return (self.input_tokens + self.output_tokens) * ONE

    def check(self) -> None:
        """Raise InvalidValue where parts are more than their total."""
        for parts, total in _PARTS:
            counted = sum(getattr(self, part) for part in parts)
            if counted > getattr(self, total):
                are = "is a part" if len(parts) == 1 else "are parts"
                raise InvalidValue(
                    f"{' + '.join(parts)} {are} of {total}: {counted} is more than "
                    f"{getattr(self, total)}",
                    param="body.usage",
                )
        if self.plain_input_tokens < 0:
            raise InvalidValue(
                "the parts of input_tokens (cached, cache writes, audio) add up to more than it",
                param="body.usage",
            )

    @property
    def plain_input_tokens(self) -> int:
        """Input tokens of no special kind."""
        special = (
            self.cached_input_tokens
            + self.cache_write_tokens
            + self.input_audio_tokens
            + self.input_image_tokens
            + self.input_video_tokens
        )
        in_two_parts = self.cached_audio_tokens + self.cached_image_tokens
        return self.input_tokens - special + in_two_parts

    @property
    def plain_output_tokens(self) -> int:
        """Output tokens of no special kind."""
        return (
            self.output_tokens
            - self.output_audio_tokens
            - self.reasoning_tokens
            - self.output_image_tokens
            - self.output_video_tokens
        )


COUNTS = tuple(
    usage_field.name
    for usage_field in fields(Usage)
    if usage_field.name not in {"provider", "model", "service_tier"}
)
"""The fields of a usage that are counts."""

_PARTS = (
    (("cached_input_tokens", "cache_write_tokens"), "input_tokens"),
    (("cache_write_1h_tokens",), "cache_write_tokens"),
    (("input_audio_tokens", "input_image_tokens", "input_video_tokens"), "input_tokens"),
    (("cached_audio_tokens",), "input_audio_tokens"),
    (("cached_image_tokens",), "input_image_tokens"),
    (("cached_audio_tokens", "cached_image_tokens"), "cached_input_tokens"),
    (
        (
            "output_audio_tokens",
            "reasoning_tokens",
            "output_image_tokens",
            "output_video_tokens",
        ),
        "output_tokens",
    ),
)
"""Which counts are parts of which total."""
