"""pydantic-ai: subjects from the run and its tools, and a guard for any model.

OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=guard.wrap(AsyncOpenAI())))
Agent(model, capabilities=[SubjectsCapability()])             # agent, session and tools
Agent(BudgetModel("google:gemini-2.5-flash", guard))          # any other model
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ModelHTTPError, ModelQuotaExceededError, ModelRateLimitError
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import KnownModelName, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from spendgate import _subjects
from spendgate._async.calls import AsyncGuardedCall
from spendgate._async.client import AsyncSpendgate
from spendgate._calls import ModelCall
from spendgate._refusals import status_and_error
from spendgate._wrap import both
from spendgate.errors import BudgetExceeded, SpendgateError
from spendgate.usage import Usage


@dataclass
class SubjectsCapability(AbstractCapability[Any]):
    """Names who spends in the calls of an agent: agent, session (the conversation) and tool.

    `naming` reads more subjects from the run: `lambda ctx: {"user": ctx.deps.user}`.
    """

    naming: Callable[[RunContext[Any]], Mapping[str, object]] | None = None
    subjects: Mapping[str, object] = field(default_factory=dict)

    async def for_run(self, ctx: RunContext[Any]) -> AbstractCapability[Any]:
        """Keep the subjects of one run."""
        more = self.naming(ctx) if self.naming is not None else {}
        known = {"agent": ctx.agent.name if ctx.agent else None, "session": ctx.conversation_id}
        return SubjectsCapability(subjects={**known, **self.subjects, **more})

    def get_wrapper_model(self, model: Model) -> Model:
        """Call the model under the subjects of the run."""
        return _NamedModel(model, _subjects.named(self.subjects))

    async def wrap_tool_execute(
        self, ctx: RunContext[Any], *, call: ToolCallPart, tool_def: Any, args: Any, handler: Any
    ) -> Any:
        """Name the tool, too, in the calls to models that it makes."""
        named = {**_subjects.named(self.subjects), "tool": call.tool_name}
        with _subjects.subjects_in_context(**named):
            return await handler(args)


class _NamedModel(WrapperModel):
    """Sends each request under some subjects."""

    def __init__(self, wrapped: Model, subjects: Mapping[str, str]) -> None:
        super().__init__(wrapped)
        self._subjects = subjects

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Send a request."""
        with _subjects.subjects_in_context(**self._subjects):
            return await super().request(messages, model_settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open a stream; the subjects apply until it is open, not to its reader."""
        async with AsyncExitStack() as stack:
            with _subjects.subjects_in_context(**self._subjects):
                opening = super().request_stream(
                    messages, model_settings, model_request_parameters, run_context
                )
                stream = await stack.enter_async_context(opening)
            yield stream


class BudgetModel(WrapperModel):
    """Reserves before each call of a model and settles after it, for models of any provider."""

    def __init__(
        self,
        wrapped: Model | KnownModelName | str,
        guard: AsyncSpendgate,
        *,
        provider: str | None = None,
        **subjects: object,
    ) -> None:
        super().__init__(wrapped)
        self._guard = guard
        self._provider_name = provider or self.wrapped.system
        self._spenders = subjects

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Reserve, call the model and settle at the usage of its response."""
        call = await self._start(messages, model_settings, model_request_parameters)
        try:
            response = await super().request(messages, model_settings, model_request_parameters)
        except BaseException as error:
            await call.fail(error)
            raise
        call.reported(self._usage(response.usage), response.provider_response_id)
        await call.end()
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Reserve, stream, and settle at the usage at its end, or at what was streamed."""
        call = await self._start(messages, model_settings, model_request_parameters)
        async with AsyncExitStack() as stack:
            try:
                opening = super().request_stream(
                    messages, model_settings, model_request_parameters, run_context
                )
                stream = await stack.enter_async_context(opening)
            except BaseException as error:
                await call.fail(error)
                raise
            stack.push_async_callback(self._settle, call, stream)
            yield stream

    async def _start(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> AsyncGuardedCall:
        named = settings or {}
        body = {
            "messages": [_prompt_of(message) for message in messages],
            "tools": [
                (tool.name, tool.description, tool.parameters_json_schema)
                for tool in (*parameters.function_tools, *parameters.output_tools)
            ],
            "max_output_tokens": named.get("max_tokens"),
            "reasoning": any("reasoning" in name or "thinking" in name for name in named),
        }
        call = ModelCall("responses", self._provider_name, self.model_name, body)
        try:
            return await AsyncGuardedCall.start(self._guard, call, self._spenders)
        except SpendgateError as error:
            raise both(error, self._refusal(error)) from error

    def _refusal(self, ours: SpendgateError) -> ModelHTTPError:
        status, error = status_and_error(ours)
        limited = ModelRateLimitError if status == 429 else None
        category = ModelQuotaExceededError if isinstance(ours, BudgetExceeded) else limited
        return ModelHTTPError.for_category(
            category, status_code=status, model_name=self.model_name, body=error
        )

    async def _settle(self, call: AsyncGuardedCall, stream: StreamedResponse) -> None:
        """Settle a stream that was opened, whether it was read to its end or not."""
        response = stream.get()
        call.saw("".join(_texts_of(response)))
        call.reported(self._usage(response.usage), response.provider_response_id)
        if response.state == "complete":
            await call.end()
        else:
            await call.cut()

    def _usage(self, usage: RequestUsage) -> Usage | None:
        """Read the usage of a response; a provider that reports none says zero."""
        if not usage.total_tokens:
            return None
        return Usage(
            provider=self._provider_name,
            model=self.model_name,
            input_tokens=usage.input_tokens,
            cached_input_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            input_audio_tokens=usage.input_audio_tokens,
            output_tokens=usage.output_tokens,
            output_audio_tokens=usage.output_audio_tokens,
            reasoning_tokens=usage.details.get("reasoning_tokens", 0),
        )


def _prompt_of(message: ModelMessage) -> dict[str, Any]:
    """A message as an estimator reads it: its texts, and its images and files by their kind."""
    return {
        "instructions": getattr(message, "instructions", None),
        "content": [_content_of(part) for part in message.parts],
    }


def _content_of(part: Any) -> Any:
    if isinstance(part, ToolCallPart):
        return (part.tool_name, part.args_as_json_str())
    content = getattr(part, "content", None)
    if isinstance(content, str) or content is None:
        return content
    if isinstance(content, list | tuple):
        return [item if isinstance(item, str) else _binary(item) for item in content]
    return part.model_response_str() if hasattr(part, "model_response_str") else str(content)


def _binary(item: Any) -> dict[str, str]:
    kind = str(getattr(item, "media_type", "")) + str(getattr(item, "kind", ""))
    return {"type": "image" if "image" in kind else "file"}


def _texts_of(response: ModelResponse) -> list[str]:
    """What a model has written: texts, thoughts and calls of tools."""
    texts = [getattr(part, "content", None) for part in response.parts]
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    written = [text for text in texts if isinstance(text, str)]
    return [*written, *(f"{call.tool_name}{call.args_as_json_str()}" for call in calls)]
