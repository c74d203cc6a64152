"""Calls and responses of a form that the client does not know: they pass, and nothing is lost."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from spendgate import Spendgate
from tests.support.service import Account

USAGE = {"prompt_tokens": 12, "completion_tokens": 7}
ANSWER = json.dumps({"id": "gen-1", "choices": [], "usage": USAGE}).encode()
COMPRESSED = zlib.compress(ANSWER)
UNKNOWN = b"\x0b\x02\x80 not zlib"
EVENT = b'data: {"id": "gen-1", "choices": [{"delta": {"content": "word"}}]}\n\n'
ODD_EVENT = b'data: {"id": "gen-1", "choices": ["odd"]}\n\n'


class Chunks(httpx2.SyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def exchange(
    guard: Spendgate, account: Account, headers: dict[str, str], *chunks: bytes, **body: Any
) -> tuple[bytes, list[dict[str, Any]]]:
    """Make one guarded call; the bytes that the caller sees, and the bodies that were sent."""
    sent: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(json.loads(request.content))
        return httpx2.Response(200, headers=headers, stream=Chunks(*chunks))

    transport = guard.transport(
        httpx2, inner=httpx2.MockTransport(answer), agent=account.agent, provider="openai"
    )
    asked = {"model": "gpt-4o", "messages": [], "max_tokens": 64, **body}
    with (
        httpx2.Client(transport=transport) as client,
        client.stream("POST", "https://provider.test/chat/completions", json=asked) as response,
    ):
        seen = b"".join(response.iter_raw())
    return seen, sent


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "gzip", "deflate"])
@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
def test_a_body_that_cannot_be_decoded_passes_and_settles_at_its_estimate(
    guard: Spendgate, account: Account, encoding: str, content_type: str
) -> None:
    headers = {"content-encoding": encoding, "content-type": content_type}
    asked = {"stream": content_type == "text/event-stream"}
    seen, _ = exchange(guard, account, headers, UNKNOWN, EVENT, **asked)
    assert seen == UNKNOWN + EVENT
    spent, held = account.tokens
    assert spent >= 64 and held == 0


@pytest.mark.parametrize("encoding", ["deflate", " Deflate"])
def test_a_body_that_can_be_decoded_is_read(
    guard: Spendgate, account: Account, encoding: str
) -> None:
    seen, _ = exchange(
        guard, account, {"content-encoding": encoding}, COMPRESSED[:9], COMPRESSED[9:]
    )
    assert seen == COMPRESSED
    assert account.tokens == (19, 0)


def test_an_event_of_another_form_passes_and_settles_at_the_estimate(
    guard: Spendgate, account: Account
) -> None:
    headers = {"content-type": "text/event-stream"}
    seen, _ = exchange(guard, account, headers, EVENT, ODD_EVENT, stream=True)
    assert seen == EVENT + ODD_EVENT
    spent, held = account.tokens
    assert spent >= 64 and held == 0


@pytest.mark.parametrize("odd", [{"stream_options": "x"}, {"stream_options": [1]}, {"n": "x"}])
def test_a_body_of_another_form_is_sent_as_it_is(
    guard: Spendgate, account: Account, odd: dict[str, Any]
) -> None:
    headers = {"content-type": "text/event-stream"}
    seen, (sent,) = exchange(guard, account, headers, EVENT, stream=True, **odd)
    assert seen == EVENT
    assert odd.items() <= sent.items()
    assert account.tokens[1] == 0
