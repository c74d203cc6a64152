"""OpenAI Agents SDK: subjects from the agent and its tools, and a guard for any model.

set_default_openai_client(guard.wrap(AsyncOpenAI()))          # OpenAI's models
Runner.run(with_subjects(agent, user="u-7"), ...)             # agent and tools
Agent(model=BudgetModel(LitellmModel(...), guard, provider="anthropic", name="claude-sonnet-4-6"))
"""

from __future__ import annotations

import copy
import functools
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from agents import Agent, FunctionTool, Handoff, Model, ModelResponse, ModelSettings, Tool
from agents.exceptions import AgentsException
from agents.retry import ModelRetryAdvice, ModelRetryAdviceRequest

from spendgate import _subjects
from spendgate._async.calls import AsyncGuardedCall
from spendgate._async.client import AsyncSpendgate
from spendgate._calls import ModelCall, id_in, usage_in, visible_text
from spendgate._refusals import status_and_error
from spendgate._wrap import both
from spendgate.errors import SpendgateError
from spendgate.usage import Usage, usage_from_provider

_ENDINGS = ("response.completed", "response.incomplete", "response.failed")


def with_subjects(agent: Agent[Any], **subjects: object) -> Agent[Any]:
    """A copy of an agent that names itself and its tools in each guarded call.

    Handoffs lead to agents that name themselves: pass those through `with_subjects` as well.
    """
    named = _subjects.named({"agent": agent.name, **subjects})
    headers = {
        **(agent.model_settings.extra_headers or {}),
        _subjects.SUBJECTS_HEADER: _subjects.header_of(named),
    }
    settings = replace(agent.model_settings, extra_headers=headers)
    tools = [_named_tool(tool, named) for tool in agent.tools]
    return agent.clone(model_settings=settings, tools=tools)


def _named_tool(tool: Tool, subjects: Mapping[str, str]) -> Tool:
    """A copy of a function tool, also of an agent as a tool; hosted tools stay as they are."""
    if not isinstance(tool, FunctionTool):
        return tool
    invoke = tool.on_invoke_tool
    named = copy.copy(tool)

    @functools.wraps(invoke)
    async def invoke_named(context: Any, arguments: str) -> Any:
        with _subjects.subjects_in_context(**{**subjects, "tool": tool.name}):
            return await invoke(context, arguments)

    named.on_invoke_tool = invoke_named
    return named


class BudgetModel(Model):
    """Reserves before each call of a model and settles after it, for models of any provider."""

    def __init__(
        self, model: Model, guard: AsyncSpendgate, *, provider: str, name: str, **subjects: object
    ) -> None:
        self._model = model
        self._guard = guard
        self._provider = provider
        self._name = name
        self._subjects = subjects

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[Any],  # noqa: A002 (the name of the SDK)
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: Any,
        handoffs: list[Handoff[Any, Any]],
        tracing: Any,
        **options: Any,
    ) -> ModelResponse:
        """Reserve, call the model and settle at the usage of its response."""
        prompt = (system_instructions, input, model_settings, tools, output_schema, handoffs)
        call = await self._start(*prompt)
        settings = _without_header(model_settings)
        try:
            response = await self._model.get_response(
                system_instructions, input, settings, tools, output_schema, handoffs, tracing,
                **options,
            )  # fmt: skip
        except BaseException as error:
            await call.fail(error)
            raise
        call.reported(self._usage(response.usage), response.response_id)
        await call.end()
        return response

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[Any],  # noqa: A002 (the name of the SDK)
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: Any,
        handoffs: list[Handoff[Any, Any]],
        tracing: Any,
        **options: Any,
    ) -> AsyncIterator[Any]:
        """Reserve, stream, and settle at the usage at its end, or at what was streamed."""
        prompt = (system_instructions, input, model_settings, tools, output_schema, handoffs)
        call = await self._start(*prompt)
        settings = _without_header(model_settings)
        try:
            async for event in self._model.stream_response(
                system_instructions, input, settings, tools, output_schema, handoffs, tracing,
                **options,
            ):  # fmt: skip
                await self._watch(call, event)
                yield event
        except BaseException as error:
            await call.fail(error)
            raise
        await call.end()

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    def get_retry_advice(self, request: ModelRetryAdviceRequest) -> ModelRetryAdvice | None:
        """Advise against repeating a refusal; the model advises on its own errors."""
        if isinstance(request.error, SpendgateError):
            return ModelRetryAdvice(suggested=False, reason=str(request.error))
        return self._model.get_retry_advice(request)

    async def _start(
        self,
        instructions: str | None,
        items: str | list[Any],
        settings: ModelSettings,
        tools: list[Tool],
        output_schema: Any,
        handoffs: list[Handoff[Any, Any]],
    ) -> AsyncGuardedCall:
        body = {
            "instructions": instructions,
            "input": items,
            "tools": [_declaration(tool) for tool in (*tools, *handoffs)],
            "text": None if output_schema is None or output_schema.is_plain_text()
            else output_schema.json_schema(),
            "max_output_tokens": settings.max_tokens,
            "reasoning": settings.reasoning,
        }  # fmt: skip
        header = (settings.extra_headers or {}).get(_subjects.SUBJECTS_HEADER)
        given = _subjects.parse_header(header if isinstance(header, str) else None)
        subjects = {**self._subjects, **given}
        call = ModelCall("responses", self._provider, self._name, body)
        try:
            return await AsyncGuardedCall.start(self._guard, call, subjects)
        except SpendgateError as error:
            _, shown = status_and_error(error)
            raise both(error, AgentsException(shown["message"])) from error

    async def _watch(self, call: AsyncGuardedCall, event: Any) -> None:
        data = event.model_dump(exclude_none=True, warnings=False)
        call.saw("")
        for text in visible_text("responses", data):
            call.saw(text)
        if event.type in _ENDINGS:
            call.reported(self._read(usage_in(data)), id_in(data))
            await call.end()

    def _usage(self, usage: Any) -> Usage | None:
        """Read the SDK's usage; a model that reports none says zero."""
        if not usage.total_tokens:
            return None
        cached = usage.input_tokens_details
        return Usage(
            provider=self._provider,
            model=self._name,
            input_tokens=usage.input_tokens,
            cached_input_tokens=cached.cached_tokens,
            cache_write_tokens=getattr(cached, "cache_write_tokens", 0) or 0,
            output_tokens=usage.output_tokens,
            reasoning_tokens=usage.output_tokens_details.reasoning_tokens,
        )

    def _read(self, usage: Any) -> Usage | None:
        found = usage_from_provider(self._provider, self._name, usage)
        return found if found is not None and found.total_tokens else None


def _without_header(settings: ModelSettings) -> ModelSettings:
    """The settings without our header, which must not reach a provider."""
    headers = settings.extra_headers or {}
    if _subjects.SUBJECTS_HEADER not in headers:
        return settings
    kept = {name: value for name, value in headers.items() if name != _subjects.SUBJECTS_HEADER}
    return replace(settings, extra_headers=kept)


def _declaration(tool: Any) -> dict[str, Any]:
    """What the model reads of a tool or of a handoff."""
    return {
        "name": getattr(tool, "tool_name", None) or tool.name,
        "description": getattr(tool, "tool_description", None) or getattr(tool, "description", ""),
        "parameters": getattr(tool, "params_json_schema", None)
        or getattr(tool, "input_json_schema", None),
    }
