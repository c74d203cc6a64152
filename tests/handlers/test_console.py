"""The console's static files: headers, caching, compression."""

import gzip
import hashlib
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from spendgate_service.api.handlers.console import console_handler
from spendgate_service.api.static_files import StaticFiles
from tests.support.engines import ROOT
from tests.support.functions import LambdaContext
from tests.support.handlers import Ask

HANDLER = console_handler(ROOT / "console")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)


def get(path: str = "", **headers: str) -> dict[str, Any]:
    event = {
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "pathParameters": {"path": path} if path else None,
    }
    response: dict[str, Any] = HANDLER(event, LambdaContext())
    return response


def text_of(response: dict[str, Any]) -> str:
    return b64decode(response["body"]).decode()


def assets() -> list[str]:
    return [
        address.removeprefix("console/")
        for address in re.findall(r'(?:href|src)="([^"]+)"', text_of(get()))
    ]


def test_every_response_has_the_security_headers() -> None:
    responses = [get(), get(assets()[0]), get("assets/old/app/main.js")]

    assert [response["statusCode"] for response in responses] == [200, 200, 404]
    for response in responses:
        headers = response["headers"]
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Strict-Transport-Security"].startswith("max-age=63072000")


def test_the_page_is_asked_for_again_and_what_it_names_is_kept_for_ever() -> None:
    assert get()["headers"]["Cache-Control"] == "no-cache"
    for address in assets():
        response = get(address)
        assert response["statusCode"] == 200, address
        assert response["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"


def test_the_page_names_every_module() -> None:
    modules = {
        path.relative_to(ROOT / "console").as_posix() for path in ROOT.glob("console/**/*.js")
    }

    assert modules == {address.split("/", 2)[2] for address in assets() if address.endswith(".js")}


def test_what_the_browser_has_is_not_sent_again() -> None:
    for path in ("", assets()[0]):
        first = get(path)
        again = get(path, if_none_match=f'"other", {first["headers"]["ETag"]}')

        assert (again["statusCode"], again["body"]) == (304, "")
        assert again["headers"]["Cache-Control"] == first["headers"]["Cache-Control"]


def test_a_file_is_compressed_for_who_can_read_it() -> None:
    plain, packed = get(), get(accept_encoding="br;q=1.0, gzip;q=0.8")

    assert "Content-Encoding" not in plain["headers"]
    assert packed["headers"]["Content-Encoding"] == "gzip"
    assert packed["headers"]["Vary"] == "Accept-Encoding"
    assert gzip.decompress(b64decode(packed["body"])) == b64decode(plain["body"])


@pytest.mark.parametrize("weight", ["q=0", " q=0", "q=0.0", "q=0.000 "])
def test_a_file_is_not_compressed_for_who_refuses_it(weight: str) -> None:
    assert "Content-Encoding" not in get(accept_encoding=f"br, gzip;{weight}")["headers"]


def test_another_content_has_another_address(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = StaticFiles(tmp_path).version
    (tmp_path / "a.js").write_text("2")

    assert StaticFiles(tmp_path).version != before


@pytest.mark.parametrize("path", ["vendor/LICENSE.htm", "../app.py", "index.html", "assets"])
def test_nothing_else_is_served(path: str) -> None:
    version = StaticFiles(ROOT / "console").version

    assert get(path)["statusCode"] == 404
    assert get(f"assets/{version}/{path}")["statusCode"] == 404


def test_the_vendored_files_are_those_of_the_packages() -> None:
    """`vendor/README.md` says where each comes from, and its digest."""
    for folder in (ROOT / "console/vendor", ROOT / "tests/console/vendor"):
        listed = dict(
            re.findall(r"`([^`]+)`.*`([0-9a-f]{64})`", (folder / "README.md").read_text())
        )
        files = [path for path in folder.iterdir() if path.suffix in {".js", ".css"}]

        assert listed.keys() == {path.name for path in files}
        for path in files:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[path.name]


WRITES_MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"


def test_no_script_writes_markup_or_runs_text_or_keeps_anything_for_longer_than_a_tab() -> None:
    for path in ROOT.glob("console/app/**/*.js"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(WRITES_MARKUP, source), path
        assert not re.search(r"localStorage|indexedDB|\bcookie\b", source), path


@pytest.mark.usefixtures("acme")
def test_no_response_of_the_api_is_kept_by_a_browser(ask: Ask) -> None:
    for method, path in (("GET", "/v1/tenant"), ("GET", "/v1/nothing"), ("GET", "/v1/health")):
        assert ask(method, path).headers["Cache-Control"] == "no-store"
