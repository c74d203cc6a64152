"""Words for people: how long something takes."""

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60))


def duration_text(seconds: int) -> str:
    """Format a duration in the largest unit of which it has two: `90 seconds`, `about 13 hours`."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"about {(seconds + length // 2) // length} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
