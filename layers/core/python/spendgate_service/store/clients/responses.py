"""HTTP/1.1 responses, read whole from a connection (RFC 9112).

`http.client` reads headers as those of an email, at ten times the CPU: a tenth of a reservation's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

LINE_BYTES_MAX: Final = 65_536
HEADERS_MAX: Final = 100

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([2-5][0-9][0-9])( [^\r\n]*)?\r?\n")
_LENGTH = re.compile("[0-9]{1,12}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[^\r\n]*)?\r?\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response; the names of `headers` are in lower case.

    `closes`: the server ends the connection after it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    closes: bool = False


def read_response(stream: BinaryIO) -> Answer:
    """Read one response whole. Raises ValueError if it is cut short or is no HTTP."""
    status_line = _STATUS_LINE.fullmatch(_read_line(stream))
    if status_line is None:
        raise ValueError("no HTTP response")
    headers = dict(_headers(stream))
    closes = status_line[1] == b"0" or headers.get("connection", "").lower() == "close"
    if "transfer-encoding" in headers:
        body = b"".join(_chunks(stream, headers["transfer-encoding"]))
    elif "content-length" in headers:
        body = _read_exactly(stream, _length_of(headers["content-length"]))
    else:
        body, closes = stream.read(), True
    return Answer(int(status_line[2]), headers, body, closes)


def _headers(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield names and values up to the empty line."""
    for _ in range(HEADERS_MAX + 1):
        line = _read_line(stream).decode("latin-1").strip()
        if not line:
            return
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a header without a colon")
        yield name.lower(), value.strip()
    raise ValueError(f"more than {HEADERS_MAX} headers")


def _length_of(text: str) -> int:
    if not _LENGTH.fullmatch(text):
        raise ValueError(f"a length of {text!r}")
    return int(text)


def _chunks(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yield the chunks of a body, and skip the headers after the last one."""
    if encoding.lower() != "chunked":
        raise ValueError(f"a body encoded as {encoding!r}")
    while True:
        line = _CHUNK_SIZE.fullmatch(_read_line(stream))
        if line is None:
            raise ValueError("a chunk without a size")
        size = int(line[1], 16)
        if size:
            yield _read_exactly(stream, size)
            if _read_line(stream).strip():
                raise ValueError("a chunk is longer than its size")
        else:
            dict(_headers(stream))
            return


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    read = stream.read(size)
    if len(read) < size:
        raise ValueError(f"the body ends after {len(read)} of {size} bytes")
    return read


def _read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(LINE_BYTES_MAX + 1)
    if len(line) > LINE_BYTES_MAX:
        raise ValueError("a line is too long")
    if not line.endswith(b"\n"):
        raise ValueError("the response is cut short")
    return line
