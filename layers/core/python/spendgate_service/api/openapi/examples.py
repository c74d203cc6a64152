"""The examples of the document, from `examples.json`: one scenario, call by call.

They are real responses of the service, in the order of the file; a test repeats the calls, and
`make docs` records them again.
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
    """One call and its response; `later_seconds` pass before it.

    The key has that `role`. `title` is a sentence without a full stop. Of a `partial` response
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
        """Return the value of a parameter in this example; None if it is not sent."""
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
    """Return the examples of every route, by its key."""
    stored: dict[str, list[dict[str, object]]] = json.loads(PATH.read_text(encoding="utf-8"))
    return {key: tuple(Example(**call) for call in calls) for key, calls in stored.items()}  # type: ignore[arg-type]
