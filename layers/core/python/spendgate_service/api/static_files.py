"""The console's static files over HTTP: hashes in their addresses, gzip, ETags, headers.

The page is small and always asked for again; it names every other file below a folder whose name is
a hash of all files, so that a browser keeps those for ever and a new version never mixes with an
old one. See docs/adr/0035-console-without-a-build-step.md.
"""

import gzip
import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

PAGE = "index.html"

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Files of other kinds, such as licences, are not served."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

_VERSION_LENGTH = 16
_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, as sent and as gzip."""

    content: bytes
    content_type: str
    compressed: bytes
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Self:
        """Compress a file; the same content gives the same bytes and ETag everywhere."""
        digest = hashlib.sha256(content).hexdigest()[:_VERSION_LENGTH]
        compressed = gzip.compress(content, mtime=0)
        return cls(content, CONTENT_TYPES[Path(name).suffix], compressed, f'W/"{digest}"')


class StaticFiles:
    """The files of a folder, in memory from the first request on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def assets(self) -> Mapping[str, StaticFile]:
        """Every file but the page, by its path below the folder."""
        return {name: StaticFile.of(name, content) for name, content in self._contents()}

    @cached_property
    def version(self) -> str:
        """A hash of the names and contents of all assets."""
        digest = hashlib.sha256()
        for name, asset in sorted(self.assets.items()):
            digest.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        return digest.hexdigest()[:_VERSION_LENGTH]

    @cached_property
    def page(self) -> StaticFile:
        """The page, with the addresses of this version; every module is fetched at once."""
        base = f"console/assets/{self.version}"
        preloads = "\n".join(
            f'<link rel="modulepreload" href="{base}/{name}">'
            for name in sorted(self.assets)
            if name.endswith(".js")
        )
        text = (self._folder / PAGE).read_text(encoding="utf-8")
        text = text.replace("{{base}}", base).replace("{{preloads}}", preloads)
        return StaticFile.of(PAGE, text.encode())

    def respond(self, path: str, headers: Mapping[str, str]) -> dict[str, object]:
        """Respond to a GET of the page (an empty path) or of an asset."""
        if not path:
            return _response(self.page, ASK_AGAIN, headers)
        folder, _, rest = path.partition("/")
        version, _, name = rest.partition("/")
        asset = self.assets.get(name)
        if folder != "assets" or version != self.version or asset is None:
            return _not_found()
        return _response(asset, FOR_EVER, headers)

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            if name != PAGE and path.suffix in CONTENT_TYPES and path.is_file():
                yield name, path.read_bytes()


def _response(file: StaticFile, caching: str, request: Mapping[str, str]) -> dict[str, object]:
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": caching,
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
    }
    if file.etag in _listed(request.get("if-none-match", "")):
        return {"statusCode": 304, "headers": headers, "body": ""}
    headers["Content-Type"] = file.content_type
    body = file.content
    if "gzip" in _listed(request.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        body = file.compressed
    return {
        "statusCode": 200,
        "headers": headers,
        "body": b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def _not_found() -> dict[str, object]:
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": "text/plain; charset=utf-8",
    }
    body = "This file is not part of the console's current version. Reload the page /console."
    return {"statusCode": 404, "headers": headers, "body": body}


def _listed(header: str) -> list[str]:
    """Return the elements of a header that is a list, but those whose weight is 0: refused."""
    return [
        element.partition(";")[0].strip()
        for element in header.split(",")
        if not _REFUSED.search(element)
    ]
