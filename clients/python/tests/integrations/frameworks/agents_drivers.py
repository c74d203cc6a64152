"""OpenAI Agents SDK: an agent whose client is wrapped, or whose model is a BudgetModel."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import (
    Agent,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    function_tool,
)
from openai import AsyncOpenAI, OpenAIError

from spendgate import AsyncSpendgate, BudgetExceeded
from spendgate.integrations.openai_agents import BudgetModel, with_subjects
from tests.integrations.frameworks.scenarios import Ask, Driver, run_async

QUIET = RunConfig(tracing_disabled=True)


class AgentsDriver(Driver):
    """Runs an agent with a tool that asks a model itself."""

    packages = ("openai-agents", "openai")

    def model(self, guard: AsyncSpendgate, client: AsyncOpenAI) -> Model:
        """The guarded model."""
        raise NotImplementedError

    def run(self, ask: Ask) -> str:
        """Run the agent, streamed or not."""
        return run_async(self._run(ask))

    async def _run(self, ask: Ask) -> str:
        options: Any = {"base_url": self.provider.openai_url, "api_key": "not-a-key"}
        async with (
            AsyncSpendgate(
                url=self.service.url, api_key=self.service.caller_key, timeout=60
            ) as guard,
            AsyncOpenAI(max_retries=ask.retries, **options) as client,
        ):
            nested = guard.wrap(client)

            @function_tool
            async def look_up(query: str) -> str:
                """Look something up."""
                del query
                inside = f"{ask.agent} inside the tool"
                return (await nested.responses.create(model="gpt-4o", input=inside)).output_text

            agent: Agent[Any] = Agent(
                name=ask.agent,
                model=self.model(guard, client),
                model_settings=ModelSettings(include_usage=True),
                tools=[look_up],
            )
            named = with_subjects(agent, user="u-7")
            with guard.subjects(session=f"session-{ask.agent}"):
                if not ask.streams:
                    done = await Runner.run(named, ask.prompt, run_config=QUIET)
                    return str(done.final_output)
                return await _read(Runner.run_streamed(named, ask.prompt, run_config=QUIET), ask)


class WrappedClient(AgentsDriver):
    """The Responses API through a wrapped client."""

    name = "Agents SDK: wrapped client"
    refusal = BudgetExceeded
    failure = OpenAIError
    counts_input = True

    def model(self, guard: AsyncSpendgate, client: AsyncOpenAI) -> Model:
        return OpenAIResponsesModel("gpt-4o", guard.wrap(client))


class OtherModel(AgentsDriver):
    """A model whose client is not ours."""

    name = "Agents SDK: BudgetModel"
    refusal = BudgetExceeded
    counts_input = False

    def model(self, guard: AsyncSpendgate, client: AsyncOpenAI) -> Model:
        inner = OpenAIChatCompletionsModel("gpt-4o", client)
        return BudgetModel(inner, guard, provider="openai", name="gpt-4o")


async def _read(result: Any, ask: Ask) -> str:
    words: list[str] = []
    async for event in result.stream_events():
        delta = getattr(getattr(event, "data", None), "delta", None)
        words += filter(None, [delta if isinstance(delta, str) else None])
        if ask.take is not None and len(words) >= ask.take:
            result.cancel()
            break
    if result.run_loop_task is not None:
        await asyncio.wait([result.run_loop_task])
    return "".join(words)


DRIVERS: tuple[type[AgentsDriver], ...] = (WrappedClient, OtherModel)
