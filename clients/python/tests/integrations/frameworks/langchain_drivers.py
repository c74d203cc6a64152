"""LangChain: an agent whose model is guarded in its HTTP client, or by the callback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.exceptions import ModelError, ModelRateLimitError
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from openai import OpenAI
from pydantic import SecretStr

from spendgate import Spendgate
from spendgate.integrations.langchain import BudgetCallback, SubjectsMiddleware, http_clients
from tests.integrations.frameworks.scenarios import Ask, Driver, run_async

KEY = "not-a-key"


class LangChainDriver(Driver):
    """Asks a model, or an agent with a tool that asks a model itself."""

    refusal = ModelRateLimitError
    failure: ClassVar[type[Exception]] = ModelError

    def model(self, guard: Spendgate, ask: Ask) -> BaseChatModel:
        """The guarded model."""
        raise NotImplementedError

    def run(self, ask: Ask) -> str:
        """Stream from the model itself, or call the agent."""
        with (
            Spendgate(url=self.service.url, api_key=self.service.caller_key, timeout=60) as guard,
            self._nested(guard) as nested,
        ):
            model = self.model(guard, ask)
            if ask.streams:
                with guard.subjects(agent=ask.agent):
                    return run_async(_astream(model, ask)) if self.is_async else _stream(model, ask)
            agent = _agent(model, nested, ask)
            given: Any = {"messages": [("user", ask.prompt)]}
            config: Any = {"configurable": {"thread_id": f"session-{ask.agent}"}}
            if self.is_async:
                return run_async(_answered(agent, given, config))
            return str(agent.invoke(given, config)["messages"][-1].text)

    @contextmanager
    def _nested(self, guard: Spendgate) -> Iterator[OpenAI]:
        with OpenAI(base_url=self.provider.openai_url, api_key=KEY) as client:
            yield guard.wrap(client)


class GuardedClients(LangChainDriver):
    """ChatOpenAI with guarded HTTP clients."""

    name = "LangChain: http_clients"
    packages = ("langchain", "langchain-openai")
    counts_input = True

    def model(self, guard: Spendgate, ask: Ask) -> BaseChatModel:
        return ChatOpenAI(
            model="gpt-4o",
            base_url=self.provider.openai_url,
            api_key=SecretStr(KEY),
            max_retries=ask.retries,
            **http_clients(guard),
        )


class Callback(LangChainDriver):
    """ChatAnthropic, which makes its own HTTP client."""

    name = "LangChain: BudgetCallback"
    packages = ("langchain", "langchain-anthropic")
    failure = Exception  # a stream that breaks off raises the HTTP library's error
    counts_input = False

    def model(self, guard: Spendgate, ask: Ask) -> BaseChatModel:
        return ChatAnthropic(
            model="claude-sonnet-4-6",
            base_url=self.provider.url,
            api_key=SecretStr(KEY),
            max_retries=ask.retries,
            callbacks=[BudgetCallback(guard)],
        )


def _agent(model: BaseChatModel, nested: OpenAI, ask: Ask) -> Any:
    @tool
    def look_up(query: str) -> str:
        """Look something up."""
        del query
        inside = f"{ask.agent} inside the tool"
        return nested.responses.create(model="gpt-4o", input=inside).output_text

    return create_agent(
        model,
        tools=[look_up],
        name=ask.agent,
        middleware=[SubjectsMiddleware(user="u-7")],
        checkpointer=InMemorySaver(),
    )


async def _answered(agent: Any, given: Any, config: Any) -> str:
    return str((await agent.ainvoke(given, config))["messages"][-1].text)


def _stream(model: BaseChatModel, ask: Ask) -> str:
    words: list[str] = []
    for chunk in model.stream(ask.prompt):
        words += filter(None, [chunk.text])
        if ask.take is not None and len(words) >= ask.take:
            break
    return "".join(words)


async def _astream(model: BaseChatModel, ask: Ask) -> str:
    words: list[str] = []
    stream: Any = model.astream(ask.prompt)  # a generator, which LangChain types as an iterator
    async for chunk in stream:
        words += filter(None, [chunk.text])
        if ask.take is not None and len(words) >= ask.take:
            break
    await stream.aclose()
    return "".join(words)


DRIVERS: tuple[type[LangChainDriver], ...] = (GuardedClients, Callback)
