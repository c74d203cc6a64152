"""The examples of the document, out of `examples.json`: one story from call to call.

They are what the service really answered, each in the order of the file, and a test asks it again.
`make docs` writes them anew.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from spendgate_service.api.route import Route

PATH = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Example:
    """One call and its answer; `later_seconds` go by before it.

    `role` is whose key is sent. `title` is a sentence without a full stop. Of a `partial` answer
    only the beginning is kept.
    """

    title: str
    path: str
    status: int
    answer: dict[str, object] | str
    role: str = "admin"
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    later_seconds: int = 0
    partial: bool = False

    @property
    def name(self) -> str:
        """Its key among the examples of an operation."""
        return self.title.lower().replace(" ", "_")

    def value_of(self, parameter: str, place: str, route: Route) -> str | None:
        """What a parameter is in this example; None if it is not sent."""
        url = urlsplit(self.path)
        if place == "query":
            return dict(parse_qsl(url.query)).get(parameter)
        if place == "header":
            return self.headers.get(parameter)
        names = route.path.split("/")
        steps = url.path.split("/", maxsplit=len(names) - 1)
        in_path = {name.strip("{+}"): step for name, step in zip(names, steps, strict=True)}
        return unquote(in_path[parameter])


@cache
def examples() -> Mapping[str, tuple[Example, ...]]:
    """The examples of every route, by its key."""
    told: dict[str, list[dict[str, object]]] = json.loads(PATH.read_text(encoding="utf-8"))
    return {key: tuple(Example(**one) for one in calls) for key, calls in told.items()}  # type: ignore[arg-type]
