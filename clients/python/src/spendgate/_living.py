"""Objects that are remembered as long as they live, for exits and forks."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Living(Generic[T]):
    """The objects of a kind that are alive, compared by identity."""

    def __init__(self) -> None:
        self._references: weakref.WeakValueDictionary[int, T] = weakref.WeakValueDictionary()

    def add(self, one: T) -> None:
        """Remember an object; it is not kept alive."""
        self._references[id(one)] = one

    def __iter__(self) -> Iterator[T]:
        for reference in self._references.valuerefs():  # a copy: other threads go on
            one = reference()
            if one is not None:
                yield one
