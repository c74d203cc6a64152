"""Durations in words."""

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def about(seconds: float) -> str:
    """A rounded duration: `13 hours`."""
    for name, size in _UNITS:
        if seconds >= size * 1.5 or size == 1:
            count = max(1, round(seconds / size))
            return f"{count} {name}{'s' * (count > 1)}"
    raise AssertionError("the last unit takes all")
