"""LangChain: guarded HTTP clients, a callback for any model, and subjects from the agent.

ChatOpenAI(model="gpt-4o", **http_clients(guard))             # models that take an HTTP client
model.invoke(..., config={"callbacks": [BudgetCallback(guard)]})   # any other model
create_agent(..., middleware=[SubjectsMiddleware()])          # agent, session, user and tool
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import httpx2
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import (
    ModelAPIError,
    ModelError,
    ModelInvalidRequestError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
)
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, GenerationChunk, LLMResult
from langgraph.config import get_config
from langgraph.runtime import Runtime

from spendgate import _subjects
from spendgate._async.transport import guard_transport as async_guard_transport
from spendgate._calls import REASONING_FIELDS, ModelCall
from spendgate._refusals import status_and_error
from spendgate._sync.calls import GuardedCall
from spendgate._sync.client import Spendgate
from spendgate._sync.transport import guard_transport
from spendgate._wrap import both
from spendgate.errors import ConfigurationError, SpendgateError
from spendgate.usage import Usage

Naming: TypeAlias = Callable[[Runtime[Any]], Mapping[str, object]]

_ERRORS: Mapping[int, type[ModelError]] = {
    403: ModelPermissionDeniedError,
    429: ModelRateLimitError,
    503: ModelAPIError,
}
_MAX_OUTPUT = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_PROMPT = ("tools", "functions", "response_format", "text", "system")


def http_clients(
    guard: Spendgate,
    *,
    provider: str | None = None,
    models: Mapping[str, str] | None = None,
    **subjects: object,
) -> dict[str, Any]:
    """The two HTTP clients of a model such as ChatOpenAI, both guarded."""
    options = {"provider": provider, "models": models}
    made = (guard._runtime, httpx2, None, options, subjects)
    return {
        "http_client": httpx2.Client(transport=guard_transport(*made)),
        "http_async_client": httpx2.AsyncClient(transport=async_guard_transport(*made)),
    }


class SubjectsMiddleware(AgentMiddleware[Any, Any, Any]):
    """Names who spends in the calls of an agent: agent, session (the thread), user and tool.

    `naming` reads more subjects from the run: `lambda runtime: {"user": runtime.context.user}`.
    """

    def __init__(self, naming: Naming | None = None, **subjects: object) -> None:
        super().__init__()
        self._naming = naming
        self._named = subjects

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model under the subjects of the run."""
        with _subjects.subjects_in_context(**self._subjects_of(request.runtime)):
            return handler(request)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Call the model under the subjects of the run."""
        with _subjects.subjects_in_context(**self._subjects_of(request.runtime)):
            return await handler(request)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]
    ) -> Any:
        """Name the tool, too, in the calls to models that it makes."""
        with _subjects.subjects_in_context(**self._subjects_of_tool(request)):
            return handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """Name the tool, too, in the calls to models that it makes."""
        with _subjects.subjects_in_context(**self._subjects_of_tool(request)):
            return await handler(request)

    def _subjects_of_tool(self, request: ToolCallRequest) -> dict[str, str]:
        return {**self._subjects_of(request.runtime), "tool": request.tool_call["name"]}

    def _subjects_of(self, runtime: Any) -> dict[str, str]:
        user = runtime.server_info.user if runtime.server_info is not None else None
        known = {
            **_subjects_in(get_config().get("metadata", {})),
            "user": user.identity if user is not None else None,
        }
        more = self._naming(runtime) if self._naming is not None else {}
        return _subjects.named({**known, **self._named, **more})


class BudgetCallback(BaseCallbackHandler):
    """Reserves before each call of a chat model and settles after it, for any provider.

    For models that make their own HTTP client. It works for `invoke` and `ainvoke` alike.
    """

    raise_error = True  # LangChain makes the call in spite of an error unless this is set

    def __init__(
        self, guard: Spendgate, *, provider: str | None = None, **subjects: object
    ) -> None:
        self._guard = guard
        self._provider = provider
        self._subjects = subjects
        self._calls: dict[UUID, GuardedCall] = {}

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Reserve; a refusal is LangChain's error and ours, and the model is not called."""
        known = metadata or {}
        parameters = kwargs.get("invocation_params") or {}
        call = _model_call(messages[0], known, parameters, self._provider)
        subjects = {**_subjects_in(known), **self._subjects}
        try:
            self._calls[run_id] = GuardedCall.start(self._guard, call, subjects)
        except SpendgateError as error:
            raise _framework_error(error) from error

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Refuse to guard what is no chat model: its usage has no common form."""
        raise ConfigurationError("BudgetCallback guards chat models; this model completes texts")

    def on_llm_new_token(
        self,
        token: Any,
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Count what a stream has written."""
        call = self._calls.get(run_id)
        if call is not None and isinstance(chunk, ChatGenerationChunk):
            _saw(call, chunk.message)

    def on_llm_end(
        self,
        response: LLMResult,
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Settle at the usage that the provider reported."""
        call = self._calls.pop(run_id, None)
        if call is not None:
            _report(call, _message_in(response))
            call.end()

    def on_llm_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Settle what was streamed; else release, or leave the hold where the provider may bill."""
        call = self._calls.pop(run_id, None)
        if call is not None:
            partial = _message_in(kwargs.get("response"))
            if not call.is_stream:
                _saw(call, partial)
            _report(call, partial)
            call.fail(error)


def _framework_error(ours: SpendgateError) -> Exception:
    """One exception that is ours and LangChain's."""
    status, error = status_and_error(ours)
    theirs = _ERRORS.get(status, ModelInvalidRequestError)(error["message"])
    theirs.is_retryable = False  # waiting a moment does not help
    return both(ours, theirs)


def _subjects_in(metadata: Mapping[str, Any]) -> dict[str, object]:
    """The agent's name and the thread, which LangGraph puts into the metadata of a run."""
    return {"agent": metadata.get("lc_agent_name"), "session": metadata.get("thread_id")}


def _model_call(
    messages: Sequence[BaseMessage],
    metadata: Mapping[str, Any],
    parameters: Mapping[str, Any],
    provider: str | None,
) -> ModelCall:
    model = metadata.get("ls_model_name") or parameters.get("model") or parameters.get("model_name")
    provider = provider or metadata.get("ls_provider")
    if not model or not provider:
        raise ConfigurationError("LangChain does not say which model this is; give provider=...")
    named = [parameters.get(name) for name in _MAX_OUTPUT]
    most = next((tokens for tokens in named if tokens), metadata.get("ls_max_tokens"))
    body = {
        "messages": [
            {"role": message.type, "content": message.content, "calls": _arguments(message)}
            for message in messages
        ],
        **{name: parameters[name] for name in (*_PROMPT, *REASONING_FIELDS) if name in parameters},
        "max_output_tokens": most,
    }
    return ModelCall("responses", provider, model, body)


def _message_in(result: LLMResult | None) -> AIMessage | None:
    """The message that carries the usage; several choices share one."""
    generations = [found for choices in result.generations for found in choices] if result else []
    for generation in generations:
        if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
            return generation.message
    return None


def _saw(call: GuardedCall, message: BaseMessage | None) -> None:
    if message is not None:
        for text in (message.text, *_arguments(message)):
            if text:
                call.saw(text)


def _arguments(message: BaseMessage) -> list[str]:
    """The names and arguments of the tools that a message calls."""
    if isinstance(message, AIMessageChunk):
        parts = [(part["name"], part["args"]) for part in message.tool_call_chunks]
    else:
        calls = getattr(message, "tool_calls", ())
        parts = [(call["name"], json.dumps(call["args"], default=str)) for call in calls]
    return [text for part in parts for text in part if text]


def _report(call: GuardedCall, message: AIMessage | None) -> None:
    """Keep the usage of a message, or of the part of one that a stream brings."""
    counts = message.usage_metadata if message is not None else None
    if message is None or not counts:
        return
    read: Mapping[str, Any] = counts.get("input_token_details") or {}
    written: Mapping[str, Any] = counts.get("output_token_details") or {}
    lasting = read.get("ephemeral_1h_input_tokens") or 0
    short = read.get("ephemeral_5m_input_tokens") or 0
    usage = Usage(
        provider=call.model_call.provider,
        model=call.model_call.model,
        input_tokens=counts["input_tokens"],
        cached_input_tokens=read.get("cache_read") or 0,
        cache_write_tokens=(read.get("cache_creation") or 0) or lasting + short,
        cache_write_1h_tokens=lasting,
        input_audio_tokens=read.get("audio") or 0,
        output_tokens=counts["output_tokens"],
        output_audio_tokens=written.get("audio") or 0,
        reasoning_tokens=written.get("reasoning") or 0,
    )
    call.reported(usage, message.response_metadata.get("id"))
