"""Lines of the usage log: what the calls of a lease came to, gathered or one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spendgate._leases.amounts import Units, add, texts_of
from spendgate._requests import encode
from spendgate.usage import COUNTS, Usage

LINES_MAX = 100
"""Lines that one capture may carry."""

LINES_BYTES_MAX = 60_000
"""Their size; the service takes 64 KB."""

METADATA_BYTES_MAX = 512

Entries = Literal["gathered", "each"]
"""Whether the calls of the same subjects and model share a line, or have one each."""


@dataclass(eq=False, slots=True)
class CallInfo:
    """What a line says of its call beside the amounts; it never changes.

    One is made for every call, so it is not frozen: that takes three times as long.
    """

    subjects: Mapping[str, str] = field(default_factory=dict)
    usage: Usage | None = None
    ref_type: str | None = None
    ref_id: str | None = None
    metadata: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse metadata that the service would refuse."""
        if self.metadata is not None and len(encode(self.metadata)) > METADATA_BYTES_MAX:
            raise ValueError(f"metadata of a leased call has at most {METADATA_BYTES_MAX} bytes")

    def key(self) -> object:
        """What calls that share a line have in common."""
        usage = self.usage
        return (
            tuple(self.subjects.items()),
            None if usage is None else (usage.provider, usage.model, usage.service_tier),
            None if self.metadata is None else encode(self.metadata),
        )

    def shares_line_with(self, other: CallInfo) -> bool:
        """Whether both have the same key, where that is seen at a glance."""
        usage, others = self.usage, other.usage
        return (
            self.subjects is other.subjects
            and self.metadata is other.metadata is None
            and (
                usage is others
                or (
                    usage is not None
                    and others is not None
                    and usage.model == others.model
                    and usage.provider == others.provider
                    and usage.service_tier == others.service_tier
                )
            )
        )

    def of_several(self) -> CallInfo:
        """What a line says that calls share: no reference to one of them."""
        return replace(self, ref_type=None, ref_id=None)


NO_INFO = CallInfo()


class Line:
    """One line, of one call or of several."""

    __slots__ = ("amounts", "calls", "counts", "info")

    def __init__(self, info: CallInfo) -> None:
        self.info = info
        self.amounts: dict[str, int] = {}
        self.counts = dict.fromkeys(COUNTS, 0)
        self.calls = 0

    def add(self, actual: Units, usage: Usage | None) -> None:
        """Count one more call."""
        self.calls += 1 if usage is None else max(1, usage.requests)
        add(self.amounts, actual)
        if usage is not None:
            counts = self.counts
            for name in COUNTS:
                count = getattr(usage, name)
                if count:
                    counts[name] += count

    def to_json(self) -> dict[str, Any]:
        """The line as a capture carries it."""
        info = self.info
        line: dict[str, Any] = {"amounts": texts_of(self.amounts), "calls": self.calls}
        if info.subjects:
            line["subjects"] = dict(info.subjects)
        if info.usage is not None:
            counts: dict[str, Any] = self.counts
            line["usage"] = replace(info.usage, **counts).actual_body()
        for name in ("ref_type", "ref_id", "metadata"):
            value = getattr(info, name)
            if value is not None:
                line[name] = value
        return line


class Lines:
    """The lines of a reservation that no capture has carried yet."""

    def __init__(self, entries: Entries) -> None:
        self._gathers = entries == "gathered"
        self._lines: dict[object, Line] = {}
        self._calls = 0
        self._last: tuple[CallInfo, Line] | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, actual: Units, info: CallInfo) -> None:
        """Count a call that was settled."""
        last = self._last
        if last is not None and info.shares_line_with(last[0]):
            last[1].add(actual, info.usage)
            return
        key = info.key() if self._gathers else self._calls
        self._calls += 1
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(info.of_several() if self._gathers else info)
        line.add(actual, info.usage)
        if self._gathers:
            self._last = info, line

    def take(self) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """Take the oldest lines that fit into one capture: what they add up to, and the lines."""
        self._last = None
        total: dict[str, int] = {}
        taken: list[dict[str, Any]] = []
        size = 0
        for key in list(self._lines)[:LINES_MAX]:
            line = self._lines[key]
            shown = line.to_json()
            size += len(encode(shown))
            if taken and size > LINES_BYTES_MAX:
                break
            add(total, line.amounts)
            taken.append(shown)
            del self._lines[key]
        return total, taken
