"""The answers of OpenAI (chat, Responses, embeddings) and of Anthropic (Messages)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate.testing._tools import ToolCall


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model has to say, and what it costs."""

    id: str
    model: str
    words: list[str]
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    with_usage: bool
    call: ToolCall | None = None
    """A call of a tool; the only word is its arguments."""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.words)


def error_body(path: str, status: int) -> dict[str, Any]:
    """An error in the form of the provider that the path belongs to."""
    error = {"type": "api_error", "message": f"the prompt asked for status {status}"}
    if path.endswith("/messages"):
        return {"type": "error", "error": error}
    return {"error": {**error, "code": None, "param": None}}


def whole(path: str, answer: Answer) -> dict[str, Any]:
    """The answer to a request without `stream`."""
    if path.endswith("/chat/completions"):
        message = {"role": "assistant", **_chat_content(answer, answer.text)}
        choice = {"index": 0, "finish_reason": _chat_reason(answer), "message": message}
        return _chat(answer, "chat.completion", [choice], usage=answer.with_usage)
    if path.endswith("/responses"):
        return _response(answer, status="completed", output=[_output_item(answer, answer.text)])
    if path.endswith("/messages"):
        content = [_block(answer, answer.text)]
        return _message(answer, content, stop_reason=_message_reason(answer))
    inputs = answer.body.get("input")
    count = len(inputs) if isinstance(inputs, list) else 1
    return {
        "object": "list",
        "model": answer.model,
        "data": [
            {"object": "embedding", "index": place, "embedding": [0.0, 1.0]}
            for place in range(count)
        ],
        "usage": {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens},
    }


def opening(path: str, answer: Answer) -> Iterator[bytes]:
    """The events before the first word."""
    if path.endswith("/chat/completions"):
        yield _data(_chat_chunk(answer, {"role": "assistant", **_chat_content(answer, "")}))
    elif path.endswith("/responses"):
        empty = _response(answer, status="in_progress", output=[])
        empty["usage"] = None
        yield _event("response.created", response=empty)
        item = {**_output_item(answer, ""), "status": "in_progress"}
        yield _event("response.output_item.added", output_index=0, item=item)
        if answer.call is None:
            yield _event("response.content_part.added", **_place(answer), part=_part(""))
    else:
        started = _message(answer, [], stop_reason=None)
        started["usage"] = {**started["usage"], "output_tokens": 1}
        yield _event("message_start", message=started)
        yield _event("content_block_start", index=0, content_block=_block(answer, ""))
        yield _event("ping")


def word_event(path: str, answer: Answer, word: str) -> bytes:
    """The event of one word."""
    if path.endswith("/chat/completions"):
        return _data(_chat_chunk(answer, _chat_delta(answer, word)))
    if path.endswith("/responses"):
        if answer.call is not None:
            return _event("response.function_call_arguments.delta", **_place(answer), delta=word)
        return _event("response.output_text.delta", **_place(answer), delta=word, logprobs=[])
    delta = {"type": "text_delta", "text": word}
    if answer.call is not None:
        delta = {"type": "input_json_delta", "partial_json": word}
    return _event("content_block_delta", index=0, delta=delta)


def closing(path: str, answer: Answer) -> Iterator[bytes]:
    """The events after the last word."""
    if path.endswith("/chat/completions"):
        yield _data(_chat_chunk(answer, {}, finish_reason=_chat_reason(answer)))
        options = answer.body.get("stream_options") or {}
        if answer.with_usage and options.get("include_usage"):
            yield _data(_chat(answer, "chat.completion.chunk", [], usage=True))
        yield b"data: [DONE]\n\n"
    elif path.endswith("/responses"):
        item = _output_item(answer, answer.text)
        if answer.call is None:
            done = {"text": answer.text, "logprobs": []}
            yield _event("response.output_text.done", **_place(answer), **done)
            yield _event("response.content_part.done", **_place(answer), part=_part(answer.text))
        else:
            call = {"name": answer.call.name, "arguments": answer.text}
            yield _event("response.function_call_arguments.done", **_place(answer), **call)
        yield _event("response.output_item.done", output_index=0, item=item)
        completed = _response(answer, status="completed", output=[item])
        yield _event("response.completed", response=completed)
    else:
        yield _event("content_block_stop", index=0)
        delta = {"stop_reason": _message_reason(answer), "stop_sequence": None}
        if answer.with_usage:
            usage = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
            yield _event("message_delta", delta=delta, usage=usage)
        yield _event("message_stop")


def _chat(answer: Answer, kind: str, choices: list[Any], *, usage: bool) -> dict[str, Any]:
    body = {
        "id": answer.id, "object": kind, "created": 1, "model": answer.model, "choices": choices
    }  # fmt: skip
    if usage:
        body["usage"] = {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        }
    return body


def _chat_chunk(
    answer: Answer, delta: Mapping[str, Any], finish_reason: str | None = None
) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _chat(answer, "chat.completion.chunk", [choice], usage=False)


def _chat_content(answer: Answer, text: str) -> dict[str, Any]:
    """The content of a message, or the call of a tool in its place."""
    if answer.call is None:
        return {"content": text}
    function = {"name": answer.call.name, "arguments": text}
    call = {"index": 0, "id": answer.call.id, "type": "function", "function": function}
    return {"content": None, "tool_calls": [call]}


def _chat_delta(answer: Answer, word: str) -> dict[str, Any]:
    if answer.call is None:
        return {"content": word}
    return {"tool_calls": [{"index": 0, "function": {"arguments": word}}]}


def _chat_reason(answer: Answer) -> str:
    return "stop" if answer.call is None else "tool_calls"


def _message_reason(answer: Answer) -> str:
    return "end_turn" if answer.call is None else "tool_use"


def _response(answer: Answer, *, status: str, output: list[Any]) -> dict[str, Any]:
    usage = {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    return {
        "id": answer.id, "object": "response", "created_at": 1, "model": answer.model,
        "status": status, "output": output, "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": [], "usage": usage if answer.with_usage else None,
    }  # fmt: skip


def _output_item(answer: Answer, text: str) -> dict[str, Any]:
    if answer.call is not None:
        return {
            "id": f"fc_{answer.id}", "type": "function_call", "status": "completed",
            "call_id": answer.call.id, "name": answer.call.name, "arguments": text,
        }  # fmt: skip
    return {
        "id": f"msg_{answer.id}", "type": "message", "role": "assistant", "status": "completed",
        "content": [_part(text)] if text else [],
    }  # fmt: skip


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _place(answer: Answer) -> dict[str, Any]:
    return {"item_id": _output_item(answer, "")["id"], "output_index": 0, "content_index": 0}


def _block(answer: Answer, text: str) -> dict[str, Any]:
    if answer.call is None:
        return {"type": "text", "text": text}
    arguments = json.loads(text or "{}")
    call = answer.call
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _message(answer: Answer, content: list[Any], *, stop_reason: str | None) -> dict[str, Any]:
    usage = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
    return {
        "id": answer.id, "type": "message", "role": "assistant", "model": answer.model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _data(body: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _event(name: str, /, **fields: Any) -> bytes:
    return f"event: {name}\n".encode() + _data({"type": name, "sequence_number": 0, **fields})
