"""Tags of objects: `ETag` on responses, and `If-Match` on changes (RFC 9110).

A budget and a target of notifications count their revisions. The tag of any other object is a hash
of what its response shows, so an object that is set back to what it was has its earlier tag again.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace

from spendgate_service.api.http import Request, Response, replayed
from spendgate_service.api.query import refuse
from spendgate_service.domain.preconditions import (
    ANY_TAG,
    UNCONDITIONAL,
    Precondition,
    revision_tag,
)
from spendgate_service.wire.values import json_text

_TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
_TAGS = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_MOMENTS = ("created_at", "updated_at")
_DIGITS = 16


def precondition_of(request: Request) -> Precondition:
    """Read the `If-Match` header of a change. Raises InvalidValue.

    A weak tag never matches, as RFC 9110 says.
    """
    header = request.header("if-match")
    if header is None:
        return UNCONDITIONAL
    header = header.strip()
    if header == ANY_TAG:
        return Precondition(frozenset({ANY_TAG}))
    if not _TAGS.fullmatch(header):
        refuse("header.if-match", 'send the ETag of a response, quotes included, such as "3"; or *')
    return Precondition(frozenset(re.findall(_TAG, header)))


def content_tag(shown: Mapping[str, object]) -> str:
    """Return the tag of an object that is shown like this; its moments do not count."""
    content = {name: value for name, value in shown.items() if name not in _MOMENTS}
    return f'"{hashlib.sha256(json_text(content).encode()).hexdigest()[:_DIGITS]}"'


def tagged(response: Response, tag: str) -> Response:
    """Return the response with the tag of the object that it shows."""
    return replace(response, headers={**response.headers, "ETag": tag})


def replayed_revision(answer: str) -> Response:
    """Return a first response again, with the tag of the revision that it shows."""
    return tagged(replayed(answer), revision_tag(json.loads(answer)["revision"]))
