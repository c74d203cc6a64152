"""Pages of lists."""

from collections.abc import Sequence


def page_response(
    data: Sequence[dict[str, object]], *, next_cursor: str | None
) -> dict[str, object]:
    """One page of a list."""
    return {"data": list(data), "next_cursor": next_cursor}
