"""The tools of a request: which one the fake provider calls, and how often it was called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_RESULTS = ("tool", "function_call_output", "tool_result")
"""The role of a result in chat, and its type in Responses and Messages."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool, with a text for each argument that it requires."""

    id: str
    name: str
    arguments: str


def tool_call(body: Mapping[str, Any], calls: int) -> ToolCall | None:
    """The next call of the request's first tool; None once it was called so often."""
    tools = body.get("tools") or ()
    done = _results_in([body.get("messages"), body.get("input")])
    if not tools or done >= calls:
        return None
    function = tools[0].get("function") or tools[0]
    schema = function.get("parameters") or function.get("input_schema") or {}
    arguments = {name: f"the {name}" for name in schema.get("required", ())}
    return ToolCall(f"call_{done + 1}", function["name"], json.dumps(arguments))


def _results_in(node: object) -> int:
    if isinstance(node, list):
        return sum(_results_in(item) for item in node)
    if not isinstance(node, Mapping):
        return 0
    if node.get("role") in _RESULTS or node.get("type") in _RESULTS:
        return 1
    return _results_in(node.get("content"))
