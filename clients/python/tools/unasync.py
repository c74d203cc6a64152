"""Write `_sync` out of `_async`: the same code without `async` and `await`."""

import re
import sys
from pathlib import Path

HAND_WRITTEN = ("__init__.py", "_io.py")

_WORDS = {
    "AsyncIterator": "Iterator",
    "AsyncGenerator": "Generator",
    "AsyncByteStream": "SyncByteStream",
    "AsyncBaseTransport": "BaseTransport",
    "AsyncHTTPTransport": "HTTPTransport",
    "Awaitable": "Awaitable",
    "_async": "_sync",
    "aclose": "close",
    "aread": "read",
    "handle_async_request": "handle_request",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "StopAsyncIteration": "StopIteration",
    "asynchronous": "synchronous",
}
_RULES = [
    (re.compile(r"\basync (?=def|with|for)"), ""),
    (re.compile(r"\bawait "), ""),
    *((re.compile(rf"\b{word}\b"), sync) for word, sync in _WORDS.items()),
    (re.compile(r"\bAsync(?=[A-Z])"), ""),
    (re.compile(r" *# async only\n"), "\n"),
]
_NOTE = "# Generated from `_async` by `make client-models`. Do not edit.\n"
_ASYNC_ONLY = re.compile(
    r"^ *# async only: begin\n.*?^ *# async only: end\n", re.DOTALL | re.MULTILINE
)


def synchronous(text: str) -> str:
    """The text without `async`; blocks between `async only` marks are left out."""
    text = _ASYNC_ONLY.sub("", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    head, _, rest = text.partition("\n")
    return f"{head}\n{rest}" if head.startswith("#") else f"{_NOTE}{text}"


def main(package: str) -> int:
    """Write every module of `_sync` in a package's folder."""
    source, target = Path(package, "_async"), Path(package, "_sync")
    for path in sorted(source.glob("*.py")):
        if path.name not in HAND_WRITTEN:
            text = synchronous(path.read_text(encoding="utf-8"))
            (target / path.name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
