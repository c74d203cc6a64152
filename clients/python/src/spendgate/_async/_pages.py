"""Lists that are read page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from spendgate._async._http import AsyncAPI
from spendgate._requests import request

ModelT = TypeVar("ModelT")


@dataclass(frozen=True, slots=True)
class AsyncPage(Generic[ModelT]):
    """One page; `next_cursor` is None on the last."""

    data: list[ModelT]
    next_cursor: str | None


async def export(
    api: AsyncAPI,
    what: str,
    *,
    start: str | None,
    end: str | None,
    format: str,  # noqa: A002 (the name of the API)
) -> AsyncIterator[str]:
    """Export `what`, a page of text at a time."""
    query = {"from": start, "to": end, "format": format}
    while True:
        reply = await api.send(request("GET", "export", what, query=query))
        yield reply.text
        if "x-next-cursor" not in reply.headers:
            return
        query["cursor"] = reply.headers["x-next-cursor"]


class AsyncPages(Generic[ModelT]):
    """All items of a list; iterating fetches page after page."""

    def __init__(
        self, api: AsyncAPI, model: type[ModelT], *path: str, query: Mapping[str, object]
    ) -> None:
        self._api = api
        self._model = model
        self._path = path
        self._query = query

    async def page(self, cursor: str | None = None) -> AsyncPage[ModelT]:
        """One page, the first if no cursor is given."""
        query = {**self._query}
        if cursor is not None:
            query["cursor"] = cursor
        fields = (await self._api.send(request("GET", *self._path, query=query))).json()
        model: Any = self._model
        items = [model.model_validate(item) for item in fields["data"]]
        return AsyncPage(items, fields.get("next_cursor"))

    async def __aiter__(self) -> AsyncIterator[ModelT]:
        cursor: str | None = None
        while True:
            page = await self.page(cursor)
            for item in page.data:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return
