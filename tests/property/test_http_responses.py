"""The lean client's reader of HTTP against the standard library's: the same response, whole."""

import http.client
import io
import socket
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.store.clients.responses import HEADERS_MAX, read_response

header_names = st.text(st.sampled_from("abcXYZ-09"), min_size=1, max_size=12).map("x-{}".format)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.dictionaries(header_names.map(str.lower), header_values, max_size=5)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A valid response: its body has a length, or comes in chunks, or ends with the connection."""
    body = draw(st.binary(max_size=300))
    version = draw(st.sampled_from(["1.0", "1.1"]))
    status = draw(st.sampled_from([200, 307, 400, 404, 500, 503]))
    lines = [f"HTTP/{version} {status}{draw(st.sampled_from([' OK', ' ', '']))}"]
    lines += [f"{name}: {value}" for name, value in draw(headers).items()]
    framing = draw(st.sampled_from(["length", "end"] + ["chunks"] * (version == "1.1")))
    if draw(st.booleans()):
        lines.append("Connection: close")
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    if framing == "chunks":
        lines.append("Transfer-Encoding: chunked")
        body = _chunked(body, draw(st.integers(1, 100)))
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _chunked(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])


class _Sent:
    """The end of a connection from which `http.client` reads."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._sent)


@given(sent=responses())
def test_a_response_is_read_as_the_standard_library_reads_it(sent: bytes) -> None:
    theirs = http.client.HTTPResponse(cast("socket.socket", _Sent(sent)), method="POST")
    theirs.begin()
    body = theirs.read()

    ours = read_response(io.BytesIO(sent))

    assert (ours.status, ours.body) == (theirs.status, body)
    assert ours.headers == {name.lower(): value.strip() for name, value in theirs.headers.items()}
    assert ours.closes >= theirs.will_close


@given(sent=responses(), cut=st.integers(min_value=1, max_value=300))
def test_a_response_that_is_cut_short_is_refused(sent: bytes, cut: int) -> None:
    if b"Content-Length" in sent or b"chunked" in sent:
        with pytest.raises(ValueError, match=r"."):
            read_response(io.BytesIO(sent[:-cut]))


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * (HEADERS_MAX + 1) + b"\r\n",
    ],
)
def test_what_is_no_valid_http_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_response(io.BytesIO(sent))
