# Generated from `_async` by `make client-models`. Do not edit.
"""Lists that are read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from spendgate._requests import request
from spendgate._sync._http import API

ModelT = TypeVar("ModelT")


@dataclass(frozen=True, slots=True)
class Page(Generic[ModelT]):
    """One page; `next_cursor` is None on the last."""

    data: list[ModelT]
    next_cursor: str | None


def export(
    api: API,
    what: str,
    *,
    start: str | None,
    end: str | None,
    format: str,  # noqa: A002 (the name of the API)
) -> Iterator[str]:
    """Export `what`, a page of text at a time."""
    query = {"from": start, "to": end, "format": format}
    while True:
        reply = api.send(request("GET", "export", what, query=query))
        yield reply.text
        if "x-next-cursor" not in reply.headers:
            return
        query["cursor"] = reply.headers["x-next-cursor"]


class Pages(Generic[ModelT]):
    """All items of a list; iterating fetches page after page."""

    def __init__(
        self, api: API, model: type[ModelT], *path: str, query: Mapping[str, object]
    ) -> None:
        self._api = api
        self._model = model
        self._path = path
        self._query = query

    def page(self, cursor: str | None = None) -> Page[ModelT]:
        """One page, the first if no cursor is given."""
        query = {**self._query}
        if cursor is not None:
            query["cursor"] = cursor
        fields = (self._api.send(request("GET", *self._path, query=query))).json()
        model: Any = self._model
        items = [model.model_validate(item) for item in fields["data"]]
        return Page(items, fields.get("next_cursor"))

    def __iter__(self) -> Iterator[ModelT]:
        cursor: str | None = None
        while True:
            page = self.page(cursor)
            for item in page.data:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return
