"""The queries of the usage log: the span, the filters, the groups and the place in a list."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from spendgate_service.api.moments import DAY_MS, check_end, check_order, check_span, moment_ms
from spendgate_service.api.parameters import ROWS_DEFAULT, ROWS_MAX
from spendgate_service.api.query import CURSOR_LENGTH_MAX, limit_in, refuse
from spendgate_service.domain.calendar import (
    CALENDAR_UNITS,
    CalendarPeriod,
    zone,
)
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.subjects import (
    API_KEY,
    ID_LENGTH_MAX,
    ORGANIZATION_SPELLINGS,
    is_word,
)
from spendgate_service.domain.usage_report import (
    KEY_ID,
    METADATA_PREFIX,
    QUARTER_HOUR_SECONDS,
    Interval,
    ReportQuery,
    UsageFilter,
)
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.refusals import REFUSALS_RETENTION_SECONDS
from spendgate_service.usage.records import RecordsQuery
from spendgate_service.usage.report import RowPlace

DAYS_DEFAULT = 30
RECORDS_DAYS_MAX = 31
"""The longest span of a report that is read from records: by session or by metadata."""

GROUPS_MAX = 5

_POSITION = re.compile(r"\[.{1,2000}\]", re.DOTALL)
_SECONDS_OF_DAY = 86_400
_QUARTER_HOUR_MS = QUARTER_HOUR_SECONDS * 1000
_REPORT = {"from", "to", "group_by", "interval", "timezone", "limit", "cursor"}
_EXPORT = {"from", "to", "format", "cursor"}
_RECORDS = {"from", "to", "timezone", "reservation_id", "limit", "cursor"}


def read_report_query(
    query: Mapping[str, str], *, tenant_id: str, now_ms: int
) -> tuple[ReportQuery, tuple[str, ...], int, RowPlace | None]:
    """Read a report: the query, the names of its groups, and the rows of the page.

    Raises InvalidValue.
    """
    names = _group_names(query.get("group_by", ""))
    timezone = _timezone(query)
    unit = query.get("interval")
    if unit is not None and unit not in CALENDAR_UNITS:
        refuse("query.interval", f"send one of {', '.join(CALENDAR_UNITS)}")
    asked = ReportQuery(
        span=_quarters(query, timezone, now_ms=now_ms),
        group_by=tuple(map(_dimension, names)),
        period=CalendarPeriod(unit, timezone.key) if unit else None,
        only=_filter(query, _REPORT, tenant_id=tenant_id),
    )
    span, place = _read_place(query.get("cursor"), asked)
    asked = replace(asked, span=span)
    current_quarter = 0 if "to" in query else QUARTER_HOUR_SECONDS
    longest = RECORDS_DAYS_MAX * _SECONDS_OF_DAY + current_quarter
    if asked.needs_records and span.ends_at - span.starts_at > longest:
        refuse("query.from", f"sessions and metadata are known for {RECORDS_DAYS_MAX} days at once")
    limit = limit_in(query, default=ROWS_DEFAULT, most=ROWS_MAX)
    return asked, names, limit, place


def read_records_query(
    query: Mapping[str, str], *, reservation_id: str | None, tenant_id: str, now_ms: int
) -> RecordsQuery:
    """Read which records are wanted. Raises InvalidValue."""
    from_ms, to_ms = _span_ms(query, _timezone(query), now_ms=now_ms)
    only = _filter(query, _RECORDS, tenant_id=tenant_id)
    return RecordsQuery(from_ms, to_ms, only, reservation_id)


def read_export_filter(query: Mapping[str, str], *, tenant_id: str) -> UsageFilter:
    """Read which records are exported. Raises InvalidValue."""
    return _filter(query, _EXPORT, tenant_id=tenant_id)


def read_refusals_span(query: Mapping[str, str], *, now_ms: int) -> tuple[int, int]:
    """Read the first and the last minute of refusals; the last day if not said.

    Raises InvalidValue.
    """
    last_ms = moment_ms(query, "to", default=now_ms + 1)
    first_ms = moment_ms(query, "from", default=last_ms - DAY_MS)
    first_ms = max(first_ms, last_ms - REFUSALS_RETENTION_SECONDS * 1000, 0)
    check_span(from_ms=first_ms, to_ms=last_ms, now_ms=now_ms)
    return first_ms // 60_000 * 60, (last_ms - 1) // 60_000 * 60


def report_position(query: ReportQuery, place: RowPlace) -> str:
    """Return the position of a page in a report, for its cursor."""
    span = query.span
    return json.dumps([span.starts_at, span.ends_at, place.starts_at, list(place.group)])


def _read_place(cursor: str | None, asked: ReportQuery) -> tuple[Interval, RowPlace | None]:
    """Read the span of the report that a cursor continues, and the place of the page in it."""
    if not cursor:
        return asked.span, None
    wrong = "send the next_cursor of the page before, as it was, with the same query"
    if len(cursor) > CURSOR_LENGTH_MAX:
        refuse("query.cursor", wrong)
    position = PageRequest(cursor=cursor).position(_POSITION)
    assert position is not None
    try:
        match json.loads(position[0]):
            case [int(first), int(last), int(starts_at), list(group)] if (
                0 <= first <= starts_at < last <= 10**11
                and len(group) == len(asked.group_by)
                and all(value is None or isinstance(value, str) for value in group)
            ):
                return Interval(first, last), RowPlace(starts_at, tuple(group))
            case _:
                refuse("query.cursor", wrong)
    except ValueError:
        refuse("query.cursor", wrong)


def _group_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else ()
    if len(set(names)) < len(names) or len(names) > GROUPS_MAX:
        refuse("query.group_by", f"name at most {GROUPS_MAX}, each once")
    for name in names:
        if not _is_dimension(name):
            refuse("query.group_by", _NAMES)
    return names


_NAMES = (
    "name subject types, provider, model, key_id or metadata.<name>, "
    "separated by commas: agent,model"
)


def _is_dimension(name: str) -> bool:
    if name in ORGANIZATION_SPELLINGS:
        return False
    return is_word(name) or (name.startswith(METADATA_PREFIX) and 9 < len(name) <= 100)


def _dimension(name: str) -> str:
    return KEY_ID if name == API_KEY else name


def _filter(query: Mapping[str, str], known: Collection[str], *, tenant_id: str) -> UsageFilter:
    """Read the filters: every parameter that the route does not know by another meaning."""
    values: dict[str, str] = {}
    for name, value in query.items():
        if name in known or (name in ORGANIZATION_SPELLINGS and value == tenant_id):
            continue
        if not _is_dimension(name):
            refuse(f"query.{name[:64]}", f"there is no such parameter; {_NAMES}")
        if not 1 <= len(value) <= ID_LENGTH_MAX:
            refuse(f"query.{name[:64]}", f"send 1 to {ID_LENGTH_MAX} characters")
        values[_dimension(name)] = value
    return UsageFilter(values)


def _timezone(query: Mapping[str, str]) -> ZoneInfo:
    try:
        return zone(query.get("timezone", "UTC"))
    except InvalidValue as error:
        refuse("query.timezone", str(error))


def _quarters(query: Mapping[str, str], timezone: ZoneInfo, *, now_ms: int) -> Interval:
    """Read a span of whole quarters of an hour, of which there are totals. Raises InvalidValue."""
    from_ms, to_ms = _span_ms(query, timezone, now_ms=now_ms)
    for name, moment in (("from", from_ms), ("to", to_ms)):
        if moment % _QUARTER_HOUR_MS and name in query:
            refuse(f"query.{name}", "send a moment on a quarter of an hour, such as 00:15:00")
    return Interval(from_ms // 1000, to_ms // 1000)


def _span_ms(query: Mapping[str, str], timezone: ZoneInfo, *, now_ms: int) -> tuple[int, int]:
    """Read `from` and `to`; without them the last 30 days, today included, in the time zone.

    Raises InvalidValue.
    """
    end_of_quarter_ms = (now_ms // _QUARTER_HOUR_MS + 1) * _QUARTER_HOUR_MS
    to_ms = moment_ms(query, "to", default=end_of_quarter_ms, timezone=timezone)
    check_end(to_ms, now_ms=now_ms)
    from_ms = moment_ms(query, "from", default=None, timezone=timezone)
    if from_ms is None:
        from_ms = _days_before_ms(to_ms, timezone)
    check_order(from_ms=from_ms, to_ms=to_ms)
    return from_ms, to_ms


def _days_before_ms(to_ms: int, timezone: ZoneInfo) -> int:
    """Return the midnight with which the 30 days up to a moment begin."""
    last_day = datetime.fromtimestamp(max(to_ms - 1, 0) // 1000, timezone).date()
    first_day = last_day - timedelta(days=DAYS_DEFAULT - 1)
    midnight = datetime(first_day.year, first_day.month, first_day.day, tzinfo=timezone)
    return max(0, int(midnight.timestamp()) * 1000)
