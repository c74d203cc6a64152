"""What an execution environment remembers between requests, and how much of it at most."""

REMEMBERED_MAX = 10_000
"""Of each kind: some megabytes of a function's memory."""


class BoundedCache[K, V](dict[K, V]):
    """What is worth remembering and may be forgotten: when it is full it begins anew."""

    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= REMEMBERED_MAX and key not in self:
            self.clear()
        super().__setitem__(key, value)
