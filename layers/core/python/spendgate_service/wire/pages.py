"""Pages of lists."""

from collections.abc import Sequence
from typing import Annotated, TypedDict

from spendgate_service.wire.fields import Doc


class PageResponse[T](TypedDict):
    """One page of a list."""

    data: Annotated[Sequence[T], Doc("The objects of this page.")]
    next_cursor: Annotated[str | None, Doc("Where the next page begins; null on the last page.")]


def page_response[T](data: Sequence[T], *, next_cursor: str | None) -> PageResponse[T]:
    """Build one page of a list."""
    return {"data": data, "next_cursor": next_cursor}
