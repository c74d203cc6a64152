"""Which values of a YAML document JSON does not have: the service takes JSON only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

Path = tuple[object, ...]

_ADVICE: tuple[tuple[type, str], ...] = (
    (date, "write a date or a time in quotes: JSON has none"),
    (bytes, "write a text: JSON has no binary values"),
    (AbstractSet, "write a list: JSON has no sets"),
)


def not_json(
    value: Any, path: Path = (), above: frozenset[int] = frozenset()
) -> Iterator[tuple[Path, str]]:
    """Find each value and key that JSON does not have; gives its path and what is wrong."""
    if isinstance(value, Mapping | list | tuple):
        if id(value) in above:
            yield _found(path, "it contains itself, which JSON cannot")
            return
        above |= {id(value)}
    if isinstance(value, Mapping):
        for name, part in value.items():
            here = (*path, name)
            if not isinstance(name, str):
                yield _found(here, f"write the name {name} in quotes: it is no text")
            elif _is_broken(name):
                yield _found(here, "the name is no valid Unicode")
            else:
                yield from not_json(part, here, above)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from not_json(part, (*path, number), above)
    elif (wrong := _wrong(value)) is not None:
        yield _found(path, wrong)


def _wrong(value: Any) -> str | None:
    """What is wrong with a single value."""
    if value is None or isinstance(value, bool | int):
        return None
    if isinstance(value, str):
        return "it is no valid Unicode" if _is_broken(value) else None
    if isinstance(value, Decimal | float):
        return None if isfinite(float(value)) else f"{value} is no number that JSON has"
    return next(
        (advice for kind, advice in _ADVICE if isinstance(value, kind)),
        "it has a tag, which JSON has not: write the plain value",
    )


def _is_broken(text: str) -> bool:
    """Whether it holds half of a surrogate pair."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _found(path: Path, message: str) -> tuple[Path, str]:
    return path, f"{'.'.join(map(str, path)) or 'file'}: {message}"
