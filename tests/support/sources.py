"""The source text of the service, for tests of what it names."""

from functools import cache

from tests.support.engines import ROOT


@cache
def service_sources() -> str:
    """The text of every module of the service."""
    package = ROOT / "layers/core/python/spendgate_service"
    return "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
