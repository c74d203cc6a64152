"""Pages of a list, and the opaque cursors between them."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spendgate_service.domain.errors import InvalidValue

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 100


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Some of a list; `next_cursor` leads to what follows, None if nothing does."""

    data: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list: at most `limit` elements, from where `cursor` says or the start."""

    limit: int = PAGE_SIZE_DEFAULT
    cursor: str | None = None

    def __post_init__(self) -> None:
        assert 1 <= self.limit <= PAGE_SIZE_MAX

    def position(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """After which element to go on; None at the start.

        Raises InvalidValue if the cursor is none that we gave out for such a list.
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
        """The page, of a look for one element more, which tells whether it goes on.

        `position` says where an element stands in the list.
        """
        page = tuple(found[: self.limit])
        goes_on = len(found) > self.limit
        return Page(page, cursor_after(position(page[-1])) if goes_on else None)


def cursor_after(position: str) -> str:
    """The cursor that leads to what follows a position."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:  # what is not base64, not ASCII or not UTF-8
        return ""
