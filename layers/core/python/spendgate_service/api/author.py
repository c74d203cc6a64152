"""Who makes a change: the API key of the request, and what two headers say besides."""

from spendgate_service.api.http import Request
from spendgate_service.api.parameters import ACTOR_LENGTH_MAX, REASON_LENGTH_MAX
from spendgate_service.api.query import refuse
from spendgate_service.domain.changes import Author


def author_of(request: Request) -> Author:
    """Return who makes the change, and why. Raises InvalidValue for a header that is too long."""
    caller = request.principal
    return Author(
        key_id=caller.key_id,
        key_name=caller.name,
        role=caller.role,
        actor=_text_in(request, "spendgate-actor", ACTOR_LENGTH_MAX),
        reason=_text_in(request, "spendgate-reason", REASON_LENGTH_MAX),
        request_id=request.request_id,
    )


def _text_in(request: Request, name: str, length_max: int) -> str | None:
    text = (request.header(name) or "").strip()
    if len(text) > length_max or not text.isprintable():
        refuse(f"header.{name}", f"send at most {length_max} printable characters")
    return text or None
