"""Captures: which calls explain what a lease has spent since its last capture."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from spendgate_service.domain.amounts import Amount, covers, largest
from spendgate_service.domain.requests import Capture, CapturedEntry


@dataclass(frozen=True, slots=True)
class Step:
    """A part of what was spent, between two totals; without an entry it cannot be attributed."""

    start: Mapping[str, Amount]
    end: Mapping[str, Amount]
    entry: CapturedEntry | None = None

    @property
    def spent(self) -> dict[str, Amount]:
        """The amounts of the part, by unit."""
        spent = {unit: total - self.start.get(unit, 0) for unit, total in self.end.items()}
        return {unit: amount for unit, amount in spent.items() if amount}


def steps_between(
    before: Mapping[str, Amount], after: Mapping[str, Amount], captures: Iterable[Capture]
) -> Iterator[Step]:
    """Divide what was spent between two totals among the entries of captures.

    An entry counts if nothing of it was captured before and it does not pass the total; the steps
    add up to the whole, regardless of the entries.
    """
    reached = dict(before)
    for capture in sorted(captures, key=lambda capture: sum(capture.captured.values())):
        start = capture.since
        for entry in capture.entries:
            end = entry.upto
            if covers(start, reached) and covers(after, end):
                if not covers(reached, start):
                    yield Step(reached, start)
                yield Step(start, end, entry)
                reached = dict(end)
            elif not covers(reached, end):
                further = largest(reached, _least(end, after))
                yield Step(reached, further)
                reached = further
            start = end
    if not covers(reached, after):
        yield Step(reached, after)


def _least(totals: Mapping[str, Amount], others: Mapping[str, Amount]) -> dict[str, Amount]:
    return {unit: min(total, others.get(unit, 0)) for unit, total in totals.items()}
