"""Pages of a list, and the opaque cursors that link them."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.store.client import Table
from spendgate_service.store.keys import read_key
from spendgate_service.store.values import Item

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 100

_PAGES_MAX = 5
_FILTERED_AT_A_TIME = 500
"""A filter reads at most so many items, times the pages; a cursor leads on from there."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    """A part of a list; `next_cursor` leads to the next part, None at the end of the list."""

    data: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page: at most `limit` elements, after `cursor` or from the start."""

    limit: int = PAGE_SIZE_DEFAULT
    cursor: str | None = None

    def __post_init__(self) -> None:
        assert 1 <= self.limit <= PAGE_SIZE_MAX

    def position(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Return the position after which the page begins; None at the start.

        Raises InvalidValue if the cursor is not one of such a list.
        """
        if self.cursor is None:
            return None
        matched = pattern.fullmatch(_decoded(self.cursor))
        if matched is None:
            raise InvalidValue(
                "query.cursor: send the next_cursor of the page before, as it was",
                param="query.cursor",
            )
        return matched

    def page_of[T](self, found: Sequence[T], position: Callable[[T], str]) -> Page[T]:
        """Build the page from up to `limit` + 1 elements; the last one shows that the list goes on.

        `position` returns an element's position in the list.
        """
        page = tuple(found[: self.limit])
        has_more = len(found) > self.limit
        return Page(page, cursor_after(position(page[-1])) if has_more else None)


def cursor_after(position: str) -> str:
    """Return the cursor of the page after a position."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def read_newest(
    table: Table, query: dict[str, Any], *, limit: int
) -> tuple[list[Item], str | None]:
    """Read items, the last sort key first; and the one after which the rest begins (None: no rest).

    A filter may return fewer than `limit` although there are more.
    """
    size = _FILTERED_AT_A_TIME if "FilterExpression" in query else limit + 1
    arguments = {**query, "ScanIndexForward": False, "ConsistentRead": True, "Limit": size}
    found: list[Item] = []
    for _ in range(_PAGES_MAX):
        page = table.query(**arguments)
        found += page["Items"]
        if len(found) > limit:
            return found[:limit], read_key(found[limit - 1])[1]
        if "LastEvaluatedKey" not in page:
            return found, None
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return found, read_key(arguments["ExclusiveStartKey"])[1]


def _decoded(cursor: str) -> str:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:  # not base64, not ASCII or not UTF-8
        return ""
