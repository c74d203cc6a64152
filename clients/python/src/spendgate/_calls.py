"""Calls to a model: which requests they are, and what the provider says about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spendgate.estimators import CallToEstimate, Estimator
from spendgate.usage import Usage

Kind = Literal["chat", "completions", "responses", "messages", "embeddings"]

_KINDS: Mapping[str, Kind] = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/responses": "responses",
    "/messages": "messages",
    "/embeddings": "embeddings",
}
_MAX_OUTPUT: Mapping[Kind, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
_REASONING_MODELS = ("o1", "o3", "o4", "gpt-5", "gemini-2.5", "gemini-3", "deepseek-reasoner")
REASONING_FIELDS = ("reasoning", "reasoning_effort", "thinking")
"""The fields of a request that turn reasoning on."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request to a model."""

    kind: Kind
    provider: str
    model: str
    body: Mapping[str, Any]

    @property
    def streams(self) -> bool:
        """Whether the response is a stream of events."""
        return bool(self.body.get("stream"))

    @property
    def may_reason(self) -> bool:
        """Whether the model may write tokens that a stream does not show."""
        name = self.model.rsplit("/", 1)[-1]
        named = any(self.body.get(field) for field in REASONING_FIELDS)
        return named or name.startswith(_REASONING_MODELS)

    @property
    def lacks_usage(self) -> bool:
        """Whether the stream would end without a usage, unless it is asked for.

        False for options of another form, which are the provider's to refuse.
        """
        options = self.body.get("stream_options") or {}
        return (
            self.streams
            and self.kind in ("chat", "completions")
            and isinstance(options, Mapping)
            and not options.get("include_usage")
        )

    def with_usage(self) -> bytes:
        """The body that asks for the usage at the end of the stream."""
        options = {**(self.body.get("stream_options") or {}), "include_usage": True}
        body = {**self.body, "stream_options": options}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )

    def to_estimate(self, agent: str) -> CallToEstimate:
        """What an estimator sees."""
        return CallToEstimate(self.model, self.body, self._max_output_tokens(), agent)

    def estimate(self, estimator: Estimator, agent: str) -> Usage:
        """The usage that is reserved."""
        call = self.to_estimate(agent)
        return Usage(
            provider=self.provider,
            model=self.model,
            input_tokens=estimator.input_tokens(call),
            max_output_tokens=estimator.output_tokens(call),
        )

    def _max_output_tokens(self) -> int | None:
        if self.kind == "embeddings":
            return 0
        for field in _MAX_OUTPUT[self.kind]:
            most = self.body.get(field)
            if isinstance(most, int):
                return most * self._choices()
        return None

    def _choices(self) -> int:
        if self.kind not in ("chat", "completions"):
            return 1
        prompts = self.body.get("prompt")
        many = isinstance(prompts, list) and bool(prompts) and not isinstance(prompts[0], int)
        counts = (self.body.get("n"), self.body.get("best_of"))
        count = max([1, *(count for count in counts if isinstance(count, int))])
        return count * (len(prompts) if many and prompts else 1)


def kind_of(method: str, path: str) -> Kind | None:
    """The kind of call that a request is; None if it is none that is guarded."""
    if method != "POST":
        return None
    trimmed = path.rstrip("/")
    return next((kind for suffix, kind in _KINDS.items() if trimmed.endswith(suffix)), None)


def read_call(
    kind: Kind, content: bytes, *, provider: str, models: Mapping[str, str]
) -> ModelCall | None:
    """Read the body of a request; None if it names no model."""
    try:
        body: Any = json.loads(content)
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return None
    model = body["model"]
    return ModelCall(kind, provider, models.get(model, model), body)


def provider_of(host: str, kind: Kind) -> str:
    """The provider, by its host, else by the form of the request."""
    if host.endswith((".azure.com", ".azure.us", ".azure.cn")):
        return "azure"
    return "anthropic" if kind == "messages" else "openai"


def visible_text(kind: Kind, event: Mapping[str, Any]) -> Iterator[str]:
    """The texts that an event of a stream adds to what the model has written."""
    if kind in ("chat", "completions"):
        for choice in event.get("choices") or ():
            yield from _texts(choice.get("text"))
            yield from _chat_delta(choice.get("delta") or {})
    elif kind == "responses":
        if str(event.get("type", "")).endswith(".delta"):
            yield from _texts(event.get("delta"))
    elif event.get("type") == "content_block_delta":
        delta = event.get("delta") or {}
        for field in ("text", "partial_json", "thinking"):
            yield from _texts(delta.get(field))


def usage_in(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The usage that an event or a whole response carries, in any provider's form."""
    for holder in (event, event.get("response"), event.get("message")):
        if isinstance(holder, Mapping) and isinstance(holder.get("usage"), Mapping):
            usage: Mapping[str, Any] = holder["usage"]
            tier = holder.get("service_tier")
            return {"service_tier": tier, **usage} if tier else usage
    return None


def id_in(event: Mapping[str, Any]) -> str | None:
    """The id of the response that an event belongs to."""
    for holder in (event.get("response"), event.get("message"), event):
        if isinstance(holder, Mapping) and isinstance(holder.get("id"), str):
            return str(holder["id"])
    return None


def is_usage_only(event: Mapping[str, Any]) -> bool:
    """Whether it is the extra chunk of OpenAI that carries the usage and nothing else."""
    return event.get("choices") == [] and isinstance(event.get("usage"), Mapping)


def _chat_delta(delta: Mapping[str, Any]) -> Iterator[str]:
    for field in ("content", "refusal", "reasoning_content"):
        yield from _texts(delta.get(field))
    calls = [tool.get("function") or {} for tool in delta.get("tool_calls") or ()]
    for call in [*calls, delta.get("function_call") or {}]:
        yield from _texts(call.get("name"))
        yield from _texts(call.get("arguments"))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
