"""Every way in: a framework, how its models are guarded, and whether it is asynchronous."""

from __future__ import annotations

from tests.integrations.frameworks import agents_drivers, langchain_drivers, pydantic_drivers
from tests.integrations.frameworks.scenarios import Driver

DRIVERS: list[tuple[type[Driver], bool]] = [
    *((kind, is_async) for kind in langchain_drivers.DRIVERS for is_async in (False, True)),
    *((kind, True) for kind in agents_drivers.DRIVERS),
    *((kind, True) for kind in pydantic_drivers.DRIVERS),
]


def name_of(kind: type[Driver], is_async: bool) -> str:
    """The name of a way in."""
    return f"{kind.name}, {'async' if is_async else 'sync'}"
