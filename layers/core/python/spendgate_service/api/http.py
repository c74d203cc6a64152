"""HTTP as the handlers see it: a request comes in, a response goes out.

Both are independent of API Gateway's classes; Powertools' resolver would do the same, but its
import costs 90 ms of a cold start, and API Gateway has matched the route already.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.fields import EmptyBody
from spendgate_service.api.json_body import read_event_body
from spendgate_service.api.parameters import Parameter
from spendgate_service.api.principal import Principal
from spendgate_service.api.query import page_request_in, read_idempotency_key, read_query, refuse
from spendgate_service.api.validation import read_model, validated
from spendgate_service.app import Spendgate
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.subjects import Subject, check_own_organization, parse_subject
from spendgate_service.store.paging import PageRequest

type Event = Mapping[str, object]

SHOWN_LENGTH_MAX = 100
"""How many characters of a caller's text a message repeats."""

_PATH_ID_LENGTH_MAX = 64
"""Spendgate's own ids have at most 40 characters: a longer one cannot exist."""


@dataclass(frozen=True, slots=True)
class Request[B: Body = Body]:
    """One HTTP request to one route, from a caller whose role the route admits.

    `now_ms` is its time, read once. The route says which body and which query it has; None for
    `known_parameters` admits any name.
    """

    event: Event
    request_id: str
    now_ms: int
    caller: Principal | None
    app: Spendgate
    body_model: type[B] | None = None
    known_parameters: Collection[str] | None = ()

    @property
    def principal(self) -> Principal:
        """The caller; a route that needs a role always has one."""
        assert self.caller is not None, "a route without roles has no principal"
        return self.caller

    @property
    def tenant_id(self) -> str:
        """The tenant of the caller."""
        return self.principal.tenant_id

    @property
    def idempotency_key(self) -> str | None:
        """The key of the `Idempotency-Key` header. Raises InvalidValue."""
        return read_idempotency_key(self.header("idempotency-key"))

    def header(self, name: str) -> str | None:
        """Read a header by its name in lower case."""
        headers = nested(self.event, "headers")
        return next((str(value) for key, value in headers.items() if key.lower() == name), None)

    def read_body(self) -> B:
        """Read the body; where the model has no fields, the request may have none.

        Raises InvalidJson, RequestTooLarge and InvalidValue.
        """
        assert self.body_model is not None, "the route declares no body"
        may_be_absent = self.body_model is EmptyBody
        is_absent = may_be_absent and not self.event.get("body")
        return read_model(self.body_model, {} if is_absent else read_event_body(self.event))

    def path_id(self, kind: str) -> str:
        """Read the id in the path. Raises NotFound if no object of that kind can have it."""
        object_id = str(nested(self.event, "pathParameters").get("id", ""))
        if not 1 <= len(object_id) <= _PATH_ID_LENGTH_MAX or not object_id.isprintable():
            raise NotFound(kind, ascii(object_id[:SHOWN_LENGTH_MAX]))
        return object_id

    def path_value(self, parameter: Parameter) -> Any:
        """Read a parameter in the path as its type. Raises InvalidValue."""
        text = self.path_text(parameter.name)
        return validated(parameter.read, text, root=f"path.{parameter.name}")

    def path_text(self, name: str) -> str:
        """Read a text in the path. Raises InvalidValue.

        API Gateway decodes a path except for `%25`, so decoding it once more is right.
        """
        text = str(nested(self.event, "pathParameters").get(name, ""))
        try:
            return unquote(text, errors="strict")
        except UnicodeDecodeError:
            refuse(f"path.{name}", "it is not valid UTF-8")

    def query(self) -> dict[str, str]:
        """Read the parameters of the query. Raises InvalidValue for one not declared."""
        return read_query(self.event, self.known_parameters)

    def query_value(self, parameter: Parameter) -> Any:
        """Read a parameter of the query as its type; None if it is absent. Raises InvalidValue."""
        text = self.query().get(parameter.name)
        if text is None:
            return None
        return validated(parameter.read, text, root=f"query.{parameter.name}")

    def subject(self) -> Subject | None:
        """Read the `subject` parameter, if there is one. Raises InvalidValue."""
        text = self.query().get("subject")
        if text is None:
            return None
        try:
            subject = parse_subject(text)
        except InvalidValue as error:
            refuse("query.subject", str(error))
        check_own_organization(subject, tenant_id=self.tenant_id, param="query.subject")
        return subject

    def page(self) -> PageRequest:
        """Read which part of a list is requested. Raises InvalidValue."""
        return page_request_in(self.query())


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response.

    A body that is text is sent as it is: JSON that was written before (the first response, kept for
    replays), or another `content_type`.
    """

    status: int
    body: Mapping[str, object] | str
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def ok(body: Mapping[str, object] | str) -> Response:
    """Respond to a request that read or changed something."""
    return Response(200, body)


def created(body: Mapping[str, object] | str) -> Response:
    """Respond to a request that created something."""
    return Response(201, body)


def replayed(body: Mapping[str, object] | str) -> Response:
    """Repeat the first response to a request that took effect before."""
    return Response(200, body, {"Idempotency-Replayed": "true"})


def nested(parent: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return a nested object of an event; an absent or null one is empty."""
    inner = parent.get(name)
    return inner if isinstance(inner, Mapping) else {}
