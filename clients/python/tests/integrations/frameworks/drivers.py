"""Every way in: a framework, how its models are guarded, and whether it is asynchronous."""

from __future__ import annotations

from typing import Any

from tests.integrations.frameworks import agents_drivers, langchain_drivers, pydantic_drivers

DRIVERS: list[tuple[Any, bool]] = [
    *((kind, is_async) for kind in langchain_drivers.DRIVERS for is_async in (False, True)),
    *((kind, True) for kind in agents_drivers.DRIVERS),
    *((kind, True) for kind in pydantic_drivers.DRIVERS),
]


def name_of(kind: Any, is_async: bool) -> str:
    """The name of a way in."""
    return f"{kind.name}, {'async' if is_async else 'sync'}"
