"""How many tokens a request may use, estimated before it is sent."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from spendgate._forks import Lock

DEFAULT_MAX_OUTPUT_TOKENS = 4096
IMAGE_TOKENS = 2_000
FILE_TOKENS = 5_000

_PROMPT_FIELDS = (
    "messages", "input", "prompt", "system", "instructions", "tools", "functions",
    "response_format", "text", "output_config", "suffix",
)  # fmt: skip
_PART_TOKENS = {
    "image_url": IMAGE_TOKENS, "input_image": IMAGE_TOKENS, "image": IMAGE_TOKENS,
    "input_audio": FILE_TOKENS, "file": FILE_TOKENS, "input_file": FILE_TOKENS,
    "document": FILE_TOKENS,
}  # fmt: skip
_LEARNED_OUTPUTS_MAX = 200
_LEARNED_KEYS_MAX = 1_000
_PAYLOADS = frozenset(
    {"source", "image_url", "input_audio", "file", "file_id", "file_data", "file_url"}
)
_BINARY_SOURCES = frozenset({"base64", "url", "file"})


@dataclass(frozen=True, slots=True)
class CallToEstimate:
    """One request to a model, before it is sent."""

    model: str
    body: Mapping[str, Any]
    max_output_tokens: int | None
    """The maximum that the request names, for all its choices; 0 where nothing is written."""
    agent: str = ""


class Estimator(Protocol):
    """Estimates the tokens of a request; an upper bound keeps a budget from being overrun."""

    def input_tokens(self, call: CallToEstimate) -> int:
        """The tokens of the prompt."""

    def output_tokens(self, call: CallToEstimate) -> int:
        """The most that the model is expected to write."""

    def text_tokens(self, text_bytes: int) -> int:
        """The tokens of a text of that many UTF-8 bytes; for streams that were cut short."""

    def observe(self, call: CallToEstimate, output_tokens: int) -> None:
        """Learn what a call came to."""


@dataclass(frozen=True, slots=True)
class ByteEstimator:
    """Counts UTF-8 bytes: 3 a token is safe for prose, code and JSON; 1 is a proven bound.

    Images, audio and files count a constant for each part, never their base64 text.
    """

    bytes_per_token: float = 3
    default_max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS

    def input_tokens(self, call: CallToEstimate) -> int:
        """The text of the prompt by its bytes, and a constant per binary part."""
        text_bytes, part_tokens = prompt_size(call.body)
        return self.text_tokens(text_bytes) + part_tokens

    def output_tokens(self, call: CallToEstimate) -> int:
        """The maximum that the request names, else the default."""
        if call.max_output_tokens is None:
            return self.default_max_output_tokens
        return call.max_output_tokens

    def text_tokens(self, text_bytes: int) -> int:
        """Rounded up."""
        return math.ceil(text_bytes / self.bytes_per_token)

    def observe(self, call: CallToEstimate, output_tokens: int) -> None:
        """Learn nothing."""


@dataclass(slots=True)
class LearnedEstimator:
    """Expects the 95th percentile of the last 200 outputs of the same agent and model.

    Never above the maximum that the request names. Until 20 outputs are known it expects the
    maximum.
    """

    base: ByteEstimator = field(default_factory=ByteEstimator)
    _outputs: OrderedDict[tuple[str, str], deque[int]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def input_tokens(self, call: CallToEstimate) -> int:
        """As the base estimator does."""
        return self.base.input_tokens(call)

    def output_tokens(self, call: CallToEstimate) -> int:
        """The 95th percentile of what was seen, at most the maximum."""
        most = self.base.output_tokens(call)
        with self._lock:
            seen = sorted(self._outputs.get((call.agent, call.model), ()))
        if len(seen) < 20:
            return most
        return min(most, seen[math.ceil(0.95 * len(seen)) - 1])

    def text_tokens(self, text_bytes: int) -> int:
        """As the base estimator does."""
        return self.base.text_tokens(text_bytes)

    def observe(self, call: CallToEstimate, output_tokens: int) -> None:
        """Remember an output; the pairs of agent and model used longest ago are forgotten."""
        key = (call.agent, call.model)
        with self._lock:
            self._outputs.setdefault(key, deque(maxlen=_LEARNED_OUTPUTS_MAX)).append(output_tokens)
            self._outputs.move_to_end(key)
            if len(self._outputs) > _LEARNED_KEYS_MAX:
                self._outputs.popitem(last=False)


class TiktokenEstimator(ByteEstimator):
    """Counts the prompt with tiktoken (extra `tiktoken`); it downloads its vocabulary once.

    A model that tiktoken does not know counts by bytes.
    """

    __slots__ = ()

    def input_tokens(self, call: CallToEstimate) -> int:
        """The tokens of all texts of the prompt, and a constant per binary part."""
        import tiktoken  # noqa: PLC0415 (an extra)

        try:
            encoding = tiktoken.encoding_for_model(call.model)
        except KeyError:
            return super().input_tokens(call)
        texts: list[str] = []
        part_tokens = _collect(_prompt_of(call.body), texts)
        counts = (len(encoding.encode(text, disallowed_special=())) + 1 for text in texts)
        return sum(counts) + part_tokens


def prompt_size(body: Mapping[str, Any]) -> tuple[int, int]:
    """The UTF-8 bytes of all texts of a prompt, and the tokens of its binary parts."""
    texts: list[str] = []
    part_tokens = _collect(_prompt_of(body), texts)
    return sum(map(text_size, texts)), part_tokens


def text_size(text: str) -> int:
    """The UTF-8 bytes of a text; JSON may bring half of a surrogate pair."""
    return len(text.encode("utf-8", "surrogatepass"))


def _is_binary(part: Mapping[str, Any]) -> bool:
    """Whether a part carries base64, a URL or an id, and no text that counts by its bytes."""
    source = part.get("source")
    if isinstance(source, Mapping):
        return source.get("type") in _BINARY_SOURCES
    return not _PAYLOADS.isdisjoint(part)


def _prompt_of(body: Mapping[str, Any]) -> list[object]:
    return [body[name] for name in _PROMPT_FIELDS if name in body]


def _collect(node: object, texts: list[str]) -> int:
    """Append every text and key below a node; return the tokens of its binary parts."""
    if isinstance(node, str):
        texts.append(node)
        return 0
    if isinstance(node, Mapping):
        part = _PART_TOKENS.get(str(node.get("type")))
        if part is not None and _is_binary(node):
            beside = [value for key, value in node.items() if key not in {"type", *_PAYLOADS}]
            return part + sum(_collect(value, texts) for value in beside)
        texts.extend(str(key) for key in node)
        return sum(_collect(value, texts) for value in node.values())
    if isinstance(node, Sequence):
        if node and all(isinstance(value, int) for value in node):
            return len(node)  # a prompt that is tokens already
        return sum(_collect(value, texts) for value in node)
    if node is not None:
        texts.append(str(node))
    return 0
