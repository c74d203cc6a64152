"""Renders an example as a curl command and its response."""

import json
import re

from spendgate_service.api.openapi.examples import Example
from spendgate_service.api.route import Route

_WIDTH = 110
_BREAK = re.compile(r'"(?:[^"\\]|\\.)*"|, ')


def command_block(route: Route, example: Example) -> str:
    """Return the command, after the time that passes before it."""
    method = route.method
    is_plain = method == "GET" or (method == "POST" and example.body is not None)
    parts = ["curl -s" if is_plain else f"curl -s -X {method}", f'"$url{example.path}"']
    if example.role != "none":
        parts.append(f'-H "${example.role}"')
    parts += [f"-H '{name}: {value}'" for name, value in example.headers.items()]
    line = " ".join(parts)
    if example.body is not None:
        body = _wrapped(json.dumps(example.body, ensure_ascii=False))
        line += (
            f" \\\n  -d '{body}'" if "\n" in body or len(line + body) > _WIDTH else f" -d '{body}'"
        )
    wait = f"<!-- {example.later_seconds} s later -->\n" if example.later_seconds else ""
    return f"{wait}{example.title}:\n\n```sh\n{line}\n```"


def response_block(example: Example) -> str:
    """Return the response, which is CSV, gauges or JSON."""
    if isinstance(example.answer, str):
        lines = example.answer.replace("\r\n", "\n")
        return f"```{'text' if lines.startswith('#') else 'csv'}\n{lines}```\n"
    text = json.dumps(example.answer, ensure_ascii=False)
    if example.partial:
        text = f"{text[:-1]}, ...}}"
    return f"```json\n{_wrapped(text)}\n```\n"


def _wrapped(text: str) -> str:
    """Break JSON between its fields into lines of readable length."""
    lines, start, last_break = [], 0, 0
    for found in _BREAK.finditer(text):
        if found[0] != ", ":
            continue
        if found.end() - start > _WIDTH and last_break > start:
            lines.append(text[start:last_break].rstrip())
            start = last_break
        last_break = found.end()
    if len(text) - start > _WIDTH and last_break > start:
        lines.append(text[start:last_break].rstrip())
        start = last_break
    return "\n ".join([*lines, text[start:]])
