"""One way to call every API of every SDK, synchronous or asynchronous, through a guard."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from spendgate import AsyncSpendgate, Spendgate
from spendgate.testing import FakeProvider

MAX_TOKENS = 64
API_KEY = "not-a-key"


@dataclass(frozen=True)
class Api:
    """How one API is called, and what its chunks say."""

    name: str
    sdk: str
    create: Callable[..., Any]
    """(client, prompt, stream) to the response; a coroutine with an async client."""
    helper: Callable[..., Any]
    """(client, prompt) to the context manager of the SDK's own stream helper."""
    raw: Callable[[Any], Any]
    """(client) to the resource that has `with_raw_response`."""
    arguments: Callable[[str], dict[str, Any]]
    text: Callable[[Any], str]


def _chat_arguments(prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "gpt-4o", "messages": messages, "max_tokens": MAX_TOKENS}


def _responses_arguments(prompt: str) -> dict[str, Any]:
    return {"model": "gpt-4o", "input": prompt, "max_output_tokens": MAX_TOKENS}


def _messages_arguments(prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "claude-sonnet-4-6", "messages": messages, "max_tokens": MAX_TOKENS}


CHAT = Api(
    "chat",
    "openai",
    lambda client, prompt, stream: client.chat.completions.create(
        **_chat_arguments(prompt), stream=stream
    ),
    lambda client, prompt: client.chat.completions.stream(**_chat_arguments(prompt)),
    lambda client: client.chat.completions,
    _chat_arguments,
    lambda chunk: chunk.choices[0].delta.content or "",  # as most applications read it
)
RESPONSES = Api(
    "responses",
    "openai",
    lambda client, prompt, stream: client.responses.create(
        **_responses_arguments(prompt), stream=stream
    ),
    lambda client, prompt: client.responses.stream(**_responses_arguments(prompt)),
    lambda client: client.responses,
    _responses_arguments,
    lambda event: event.delta if event.type == "response.output_text.delta" else "",
)
MESSAGES = Api(
    "messages",
    "anthropic",
    lambda client, prompt, stream: client.messages.create(
        **_messages_arguments(prompt), stream=stream
    ),
    lambda client, prompt: client.messages.stream(**_messages_arguments(prompt)),
    lambda client: client.messages,
    _messages_arguments,
    lambda event: event.delta.text if event.type == "content_block_delta" else "",
)
APIS = [api for api in (CHAT, RESPONSES, MESSAGES) if importlib.util.find_spec(api.sdk)]
"""Those of the SDKs of this environment: openai, and anthropic beside openai 3."""

RUNS_EVERYTHING = "anthropic" in {api.sdk for api in APIS} or bool(os.environ.get("WHOLE_TABLE"))
"""Whether every scenario runs with every API; beside openai 2, a smaller run saves time."""


@dataclass
class Driver:
    """Calls one API for one agent."""

    api: Api
    provider: FakeProvider
    guard_options: dict[str, Any]
    agent: str
    client_options: dict[str, Any] = field(default_factory=dict)

    def complete(self, prompt: str) -> str:
        """The id of the answer to a call that does not stream."""
        raise NotImplementedError

    def stream(
        self, prompt: str, *, take: int | None = None, error: BaseException | None = None
    ) -> str:
        """The text of a stream, left or failed after so many words."""
        raise NotImplementedError

    def helper(self, prompt: str) -> str:
        """The same through the SDK's stream helper."""
        raise NotImplementedError

    def raw(self, prompt: str) -> str:
        """The id of the answer, through `with_raw_response`."""
        raise NotImplementedError

    def streaming_response(self, prompt: str) -> bytes:
        """The body, through `with_streaming_response`."""
        raise NotImplementedError

    def _sdk_client(self, prefix: str) -> Any:
        module = __import__(self.api.sdk)
        name = prefix + ("OpenAI" if self.api.sdk == "openai" else "Anthropic")
        url = self.provider.openai_url if self.api.sdk == "openai" else self.provider.url
        make_http: Any = getattr(module, f"Default{prefix}HttpxClient")
        http = make_http(verify=False)  # loading certificates is most of what a client costs
        options = {"base_url": url, "api_key": API_KEY, "http_client": http, **self.client_options}
        return getattr(module, name)(**options)


class SyncDriver(Driver):
    """With the synchronous clients."""

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A wrapped client."""
        with (
            Spendgate(**self.guard_options) as guard,
            guard.wrap(self._sdk_client(""), agent=self.agent) as client,
        ):
            yield client
            assert guard.flush(30)

    def complete(self, prompt: str) -> str:
        with self.client() as client:
            return str(self.api.create(client, prompt, False).id)

    def stream(
        self, prompt: str, *, take: int | None = None, error: BaseException | None = None
    ) -> str:
        words: list[str] = []
        with self.client() as client, self.api.create(client, prompt, True) as stream:
            for chunk in stream:
                words += filter(None, [self.api.text(chunk)])
                if take is not None and len(words) >= take:
                    if error is not None:
                        raise error
                    break
        return "".join(words)

    def helper(self, prompt: str) -> str:
        with self.client() as client, self.api.helper(client, prompt) as stream:
            return _final_text(stream)

    def raw(self, prompt: str) -> str:
        with self.client() as client:
            raw = self.api.raw(client).with_raw_response.create(**self.api.arguments(prompt))
            assert raw.status_code == 200
            return str(raw.parse().id)

    def streaming_response(self, prompt: str) -> bytes:
        with self.client() as client:
            resource = self.api.raw(client).with_streaming_response
            with resource.create(**self.api.arguments(prompt)) as response:
                return b"".join(response.iter_bytes())


class AsyncDriver(Driver):
    """With the asynchronous clients, each call in an event loop of its own."""

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """A wrapped client."""
        async with (
            AsyncSpendgate(**self.guard_options) as guard,
            guard.wrap(self._sdk_client("Async"), agent=self.agent) as client,
        ):
            yield client
            assert await asyncio.to_thread(guard.flush, 30)

    def complete(self, prompt: str) -> str:
        async def work() -> str:
            async with self.client() as client:
                return str((await self.api.create(client, prompt, False)).id)

        return asyncio.run(work())

    def stream(
        self, prompt: str, *, take: int | None = None, error: BaseException | None = None
    ) -> str:
        words: list[str] = []

        async def read(client: Any) -> None:
            async with await self.api.create(client, prompt, True) as stream:
                async for chunk in stream:
                    words.extend(filter(None, [self.api.text(chunk)]))
                    if take is not None and len(words) >= take:
                        if error is not None:
                            raise error
                        break

        async def work() -> None:
            async with self.client() as client:
                await read(client)

        asyncio.run(work())
        return "".join(words)

    def cancelled(self, prompt: str, *, after: int) -> None:
        """Cancel the task that reads a stream once it has so many words."""
        words: list[str] = []

        async def read(client: Any) -> None:
            async for chunk in await self.api.create(client, prompt, True):
                words.extend(filter(None, [self.api.text(chunk)]))

        async def work() -> None:
            async with self.client() as client:
                task = asyncio.ensure_future(read(client))
                while len(words) < after and not task.done():  # noqa: ASYNC110 (what is watched is a plain list)
                    await asyncio.sleep(0.005)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()

        asyncio.run(work())

    def helper(self, prompt: str) -> str:
        async def work() -> str:
            async with self.client() as client, self.api.helper(client, prompt) as stream:
                return str(await _final_text_async(stream))

        return asyncio.run(work())

    def raw(self, prompt: str) -> str:
        async def work() -> str:
            async with self.client() as client:
                create: Callable[..., Awaitable[Any]] = self.api.raw(
                    client
                ).with_raw_response.create
                parsed = (await create(**self.api.arguments(prompt))).parse()
                if inspect.isawaitable(parsed):  # Anthropic's is a coroutine
                    parsed = await parsed
                return str(parsed.id)

        return asyncio.run(work())

    def streaming_response(self, prompt: str) -> bytes:
        async def work() -> bytes:
            async with self.client() as client:
                resource = self.api.raw(client).with_streaming_response
                async with resource.create(**self.api.arguments(prompt)) as response:
                    return b"".join([part async for part in response.iter_bytes()])

        return asyncio.run(work())


def _final_text(stream: Any) -> str:
    if hasattr(stream, "get_final_text"):
        return str(stream.get_final_text())
    if hasattr(stream, "get_final_response"):
        stream.until_done()
        return str(stream.get_final_response().output_text)
    stream.until_done()
    return str(stream.get_final_completion().choices[0].message.content)


async def _final_text_async(stream: Any) -> str:
    if hasattr(stream, "get_final_text"):
        return str(await stream.get_final_text())
    await stream.until_done()
    if hasattr(stream, "get_final_response"):
        return str((await stream.get_final_response()).output_text)
    return str((await stream.get_final_completion()).choices[0].message.content)
