"""The declaration of a route, on its handler; template.yaml is the only other place.

    @route("POST /v1/reservations", role=CALLER, body=ReserveBody, response=ReservationGranted)
    def reserve(request: Request[ReserveBody]) -> Response: ...

Dispatch, the OpenAPI document and docs/api.md derive from it. The handler's docstring is the
summary of the operation.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spendgate_service.api.bodies.body import Body, reader_of
from spendgate_service.api.http import Request, Response
from spendgate_service.api.parameters import CURSOR, LIMIT, Parameter
from spendgate_service.domain.tenants import Role

type FunctionName = Literal["check", "reserve", "settle", "admin"]
type Handler[B: Body] = Callable[[Request[B]], Response]

PUBLIC: tuple[Role, ...] = ()
"""No API key is needed."""

OPERATOR: tuple[Role, ...] = ("operator",)
EVERY_ROLE: tuple[Role, ...] = ("operator", "admin", "approver", "caller", "reader")
ADMIN: tuple[Role, ...] = ("admin",)
CALLER: tuple[Role, ...] = ("admin", "caller")
READER: tuple[Role, ...] = ("admin", "approver", "caller", "reader")
APPROVER: tuple[Role, ...] = ("admin", "approver")
APPROVER_READER: tuple[Role, ...] = ("admin", "approver", "reader")
"""What an approver needs to decide: budgets, their balances and statements, usage and refusals."""

ADMIN_READER: tuple[Role, ...] = ("admin", "reader")
CHANGE_READER: tuple[Role, ...] = ("operator", "admin", "reader")

IDEMPOTENCY = ("idempotency_conflict",)
REPLAYS = ("reservation_finalized", "reservation_expired")
"""The codes of a replay whose hold has ended."""

PRICING = ("unknown_price", "unknown_rate")
OF_BUDGETS = ("rate_limit_exceeded", "insufficient_quota", "budget_paused")
"""The codes with which budgets refuse to hold an amount."""

REFUSALS = (*OF_BUDGETS, "no_budget", "token_cap_exceeded")
"""The codes with which the budgets and caps on its subjects refuse a request."""

TAG = ("ETag",)
"""The headers of a response that shows an object which can be changed."""

_PATH_PARAMETER = re.compile(r"\{(\w+)\+?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path; `path` is written as API Gateway's route keys are.

    A last segment such as `{model+}` matches the rest of a path, slashes included. `response` is
    the type of the response. A `paged` route takes `limit` and `cursor` besides its `query`.
    `errors` are the codes of this route alone; those of its kind are added in the document. An
    `idempotent` route takes an Idempotency-Key; a `repeatable` one needs none, because repeating it
    gives the same response; with the status 201 it creates the object where there is none, and
    responds 200 where there is one. A `conditional` one takes `If-Match`. `headers` are those of
    this response alone.
    """

    method: str
    path: str
    handler: Handler[Any]
    roles: tuple[Role, ...]
    body: type[Body] | None
    query: tuple[Parameter, ...]
    response: object
    status: int
    errors: tuple[str, ...]
    paged: bool
    idempotent: bool
    repeatable: bool
    conditional: bool
    media_types: tuple[str, ...]
    headers: tuple[str, ...]

    @property
    def key(self) -> str:
        """The route key in API Gateway: `POST /v1/check`."""
        return f"{self.method} {self.path}"

    @property
    def function(self) -> FunctionName:
        """The function that serves it: that of its handler's module, else admin."""
        match self.handler.__module__.rpartition(".")[2]:
            case ("check" | "reserve" | "settle") as name:
                return name
            case _:
                return "admin"

    @property
    def is_logged(self) -> bool:
        """Whether it changes what admins and operators manage, so that the change log says so."""
        return bool(self.roles) and self.method != "GET" and "caller" not in self.roles

    @property
    def path_parameters(self) -> list[str]:
        """The names of the parameters in the path."""
        return _PATH_PARAMETER.findall(self.path)

    @property
    def parameters_in_query(self) -> tuple[Parameter, ...]:
        """The parameters of the query; a page has its own two."""
        return (*self.query, LIMIT, CURSOR) if self.paged else self.query

    def matches(self, path: str) -> bool:
        """Whether the path of a request leads to this route."""
        names = self.path.split("/")
        segments = path.split("/", maxsplit=len(names) - 1 if names[-1].endswith("+}") else -1)
        return len(names) == len(segments) and all(
            segment == name or (name.startswith("{") and segment != "")
            for name, segment in zip(names, segments, strict=True)
        )


def route[B: Body = Body](  # noqa: PLR0913 (each is a fact about the route)
    key: str,
    *,
    role: tuple[Role, ...],
    response: object,
    body: type[B] | None = None,
    query: tuple[Parameter, ...] = (),
    status: int = 200,
    errors: tuple[str, ...] = (),
    paged: bool = False,
    idempotent: bool = False,
    repeatable: bool = False,
    conditional: bool = False,
    media_types: tuple[str, ...] = ("application/json",),
    headers: tuple[str, ...] = (),
) -> Callable[[Handler[B]], Route]:
    """Declare the route that a handler serves; the name of the handler becomes the route's.

    The reader of its body is made now, while Lambda gives a function that starts a whole processor.
    """
    method, _, path = key.partition(" ")
    if body is not None:
        reader_of(body)

    def declare(handler: Handler[B]) -> Route:
        return Route(
            method,
            path,
            handler,
            roles=role,
            body=body,
            query=query,
            response=response,
            status=status,
            errors=errors,
            paged=paged,
            idempotent=idempotent,
            repeatable=repeatable,
            conditional=conditional,
            media_types=media_types,
            headers=headers,
        )

    return declare


def routes_in(names: Mapping[str, object]) -> dict[str, Route]:
    """Return the routes among the names of a module, by their keys."""
    return {value.key: value for value in names.values() if isinstance(value, Route)}
