"""When periods begin and end, by looking at a calendar on the wall: nothing here is ours."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SHARE_OF_WINDOW = 24
"""What is spent in a rolling window counts in slices of this share of it, at least a second."""

LONGEST_YEAR_SECONDS = 367 * 86_400
BUCKETS = 6
"""A hold comes back at a full step of 1, 2, 4, ... seconds: so many steps make its time to live."""


@dataclass(frozen=True)
class Every:
    """A period of a budget; `seconds` of a window, `unit` and `zone` of a calendar."""

    kind: str
    seconds: int = 0
    unit: str = ""
    zone: str = "UTC"

    def __str__(self) -> str:
        return " ".join(map(str, (part for part in (self.unit, self.zone) if self.unit))) or (
            f"{self.kind} {self.seconds}" if self.seconds else self.kind
        )

    @property
    def body(self) -> dict[str, object]:
        """As a request says it."""
        if self.kind == "calendar":
            return {"type": "calendar", "unit": self.unit, "timezone": self.zone}
        return {"type": self.kind, **({"seconds": self.seconds} if self.seconds else {})}

    def label(self, second: int, window_start: int | None = None) -> str:
        """What the period is called that contains a moment; it never comes twice."""
        if self.kind == "calendar":
            return f"{self.unit} {self.zone} {_on_the_wall(self.unit, self.zone, second)}"
        if self.kind == "duration":
            return f"{self.seconds} from {window_start}"
        return f"{self.kind} {self.seconds}"

    def ends_at(self, second: int, window_start: int | None = None) -> int | None:
        """The first moment after the period that contains a moment; None if it never ends."""
        if self.kind == "duration":
            assert window_start is not None
            return window_start + self.seconds
        if self.kind != "calendar":
            return None
        here, low, high = self.label(second), second, second + LONGEST_YEAR_SECONDS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.label(middle) == here else (low, middle)
        return high

    def leaves_at(self, at_ms: int) -> int | None:
        """When what is spent at a moment leaves a rolling window."""
        if self.kind != "rolling":
            return None
        width = -(-self.seconds // SHARE_OF_WINDOW)
        return (at_ms // 1000 // width + 1) * width + self.seconds


def _on_the_wall(unit: str, zone: str, second: int) -> object:
    local = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))
    shown = {
        "hour": (str(local.date()), local.hour, str(local.utcoffset())),
        "day": str(local.date()),
        "week": local.isocalendar()[:2],
        "month": (local.year, local.month),
        "year": local.year,
    }
    return shown[unit]


def gone_at(expires_at_ms: int, ttl_seconds: int) -> int:
    """When a hold comes back: its expiry, rounded up so that few moments are told apart."""
    width = 1
    while width * BUCKETS < ttl_seconds:
        width *= 2
    return -(-expires_at_ms // (width * 1000)) * width
