"""What past days came to, by the dimensions that a report names, remembered between reports.

The roll-ups of a day have a line for every combination of dimensions; a report names one or two of
them, and reads most days again and again. What a day comes to by these is short. It stays true for
as long as the day's position: every change of a roll-up moves it.
"""

from collections.abc import Iterable, Sequence

from spendgate_service.cache import SizedCache
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.usage_report import ReportQuery, UsageLine, is_cut, lines_by
from spendgate_service.store.rollups import RolledDay

BYTES_MAX = 32_000_000
LINES_MAX = 1_000
"""A day with more lines than that is not remembered."""

_BYTES_OF_LINE = 1_000
_BYTES_OF_DAY = 500

type _Key = tuple[str, str, RolledDay, tuple[str, ...], CalendarPeriod | None]


class RememberedDays:
    """The lines of days, as reports with the same dimensions and intervals need them."""

    def __init__(self) -> None:
        self._lines = SizedCache[_Key, Sequence[UsageLine]](
            bytes_of=lambda _key, lines: _BYTES_OF_DAY + _BYTES_OF_LINE * len(lines),
            bytes_max=BYTES_MAX,
        )

    def get(
        self, tenant_id: str, day: str, rolled: RolledDay, query: ReportQuery
    ) -> Sequence[UsageLine] | None:
        """Return the lines of a day at a position, if they are remembered."""
        if is_cut(query, day):
            return None
        return self._lines.get(_key(tenant_id, day, rolled, query))

    def add_up(
        self,
        tenant_id: str,
        day: str,
        rolled: RolledDay,
        query: ReportQuery,
        lines: Iterable[UsageLine],
    ) -> Sequence[UsageLine]:
        """Add up the lines that the report does not tell apart, and remember a whole day's."""
        found = lines_by(query, day, lines)
        if len(found) <= LINES_MAX and not is_cut(query, day):
            self._lines[_key(tenant_id, day, rolled, query)] = found
        return found


def _key(tenant_id: str, day: str, rolled: RolledDay, query: ReportQuery) -> _Key:
    return tenant_id, day, rolled, query.named, query.period
