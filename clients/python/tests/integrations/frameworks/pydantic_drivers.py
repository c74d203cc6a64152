"""pydantic-ai: an agent whose client is wrapped, or whose model is a BudgetModel."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelQuotaExceededError
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from spendgate import AsyncSpendgate
from spendgate.integrations.pydantic_ai import BudgetModel, SubjectsCapability
from tests.integrations.frameworks.scenarios import Ask, Driver, run_async

KEY = "not-a-key"


class PydanticDriver(Driver):
    """Runs an agent with a tool that asks a model itself."""

    refusal = ModelQuotaExceededError

    def model(self, guard: AsyncSpendgate, ask: Ask) -> Model:
        """The guarded model."""
        raise NotImplementedError

    def run(self, ask: Ask) -> str:
        """Run the agent, streamed or not."""
        return run_async(self._run(ask))

    async def _run(self, ask: Ask) -> str:
        options: Any = {"base_url": self.provider.openai_url, "api_key": KEY}
        async with (
            AsyncSpendgate(
                url=self.service.url, api_key=self.service.caller_key, timeout=60
            ) as guard,
            AsyncOpenAI(**options) as client,
        ):
            nested = guard.wrap(client)
            naming = SubjectsCapability(subjects={"user": "u-7"})
            agent: Any = Agent(self.model(guard, ask), name=ask.agent, capabilities=[naming])

            @agent.tool_plain
            async def look_up(query: str) -> str:
                """Look something up."""
                del query
                inside = f"{ask.agent} inside the tool"
                return (await nested.responses.create(model="gpt-4o", input=inside)).output_text

            session = f"session-{ask.agent}"
            if ask.streams:
                return await _stream(agent, ask, session)
            return str((await agent.run(ask.prompt, conversation_id=session)).output)


class WrappedClient(PydanticDriver):
    """OpenAI's chat through a wrapped client."""

    name = "pydantic-ai: wrapped client"
    packages = ("pydantic-ai-slim", "openai")
    counts_input = True

    def model(self, guard: AsyncSpendgate, ask: Ask) -> Model:
        client = AsyncOpenAI(
            base_url=self.provider.openai_url, api_key=KEY, max_retries=ask.retries
        )
        return OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=guard.wrap(client)))


class OtherModel(PydanticDriver):
    """Anthropic's model, whose client is not ours."""

    name = "pydantic-ai: BudgetModel"
    packages = ("pydantic-ai-slim", "anthropic")
    counts_input = True

    def model(self, guard: AsyncSpendgate, ask: Ask) -> Model:
        client = AsyncAnthropic(base_url=self.provider.url, api_key=KEY, max_retries=ask.retries)
        provider = AnthropicProvider(anthropic_client=client)
        return BudgetModel(AnthropicModel("claude-sonnet-4-6", provider=provider), guard)


async def _stream(agent: Any, ask: Ask, session: str) -> str:
    words: list[str] = []
    async with agent.run_stream(ask.prompt, conversation_id=session) as result:
        async for text in result.stream_text(delta=True, debounce_by=None):
            words += filter(None, [text])
            if ask.take is not None and len(words) >= ask.take:
                break
    return "".join(words)


DRIVERS: tuple[type[PydanticDriver], ...] = (WrappedClient, OtherModel)
