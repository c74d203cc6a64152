"""What an execution environment remembers between requests, and how much of it at most."""

from collections.abc import Callable

REMEMBERED_MAX = 10_000
"""Of each kind: some megabytes of a function's memory."""


class BoundedCache[K, V](dict[K, V]):
    """What is worth remembering and may be forgotten: when it is full it begins anew."""

    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= REMEMBERED_MAX and key not in self:
            self.clear()
        super().__setitem__(key, value)


class SizedCache[K, V](BoundedCache[K, V]):
    """A cache that begins anew also when its values take more than `bytes_max` of memory.

    `bytes_of` estimates what an entry takes. Entries are set, and never deleted one by one.
    """

    def __init__(self, *, bytes_of: Callable[[K, V], int], bytes_max: int) -> None:
        super().__init__()
        self._bytes_of = bytes_of
        self._bytes_max = bytes_max
        self._bytes = 0

    def __setitem__(self, key: K, value: V) -> None:
        replaced = self._bytes_of(key, self[key]) if key in self else 0
        added = self._bytes_of(key, value)
        if self._bytes - replaced + added > self._bytes_max:
            self.clear()
            replaced = 0
        super().__setitem__(key, value)
        self._bytes += added - replaced

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._bytes = 0
