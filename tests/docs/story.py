"""The examples of the OpenAPI document as one story; told to a service, it is asked anew.

    python -m tests.docs.story    writes the answers of api/openapi/examples.json as they are now

Whoever adds a call leaves its answer empty. What is as it was stays to the letter, and documented
ids stay in any case, so that the calls after them still mean the same objects.
"""

import json
import re
from typing import Any

from spendgate_service.api.openapi.examples import PATH
from spendgate_service.store.client import Table
from tests.docs.likeness import ID, SECRET, Likeness, Unlike, kind_of
from tests.docs.service import Reply, Service, bearer, service_over
from tests.support.exact_table import ExactTable

type Json = dict[str, Any]
type Story = dict[str, list[Json]]

PARTIAL_FIELDS = ("openapi", "info")
"""How much of the document about itself is told in it."""


def told() -> Story:
    """The story as it is committed."""
    story: Story = json.loads(PATH.read_text())
    return story


def ask(service: Service, likeness: Likeness, route: str, call: Json) -> Reply:
    """Make one call of the story."""
    if "later_seconds" in call:
        service.later(call["later_seconds"])
    role = call.get("role", "admin")
    headers = bearer(service.keys[role]) if role != "none" else {}
    body = likeness.really(json.dumps(call["body"])) if "body" in call else None
    return service.request(
        route.partition(" ")[0],
        likeness.really(call["path"]),
        {**headers, **call.get("headers", {})},
        body,
    )


def answer_in(reply: Reply, call: Json) -> Any:
    """The answer as the story tells it: JSON or a text, without secrets."""
    text = SECRET.sub(_hidden, reply.text)
    if not reply.headers["Content-Type"].startswith("application/json"):
        return text
    answer = json.loads(text)
    if call.get("partial"):
        return {name: answer[name] for name in PARTIAL_FIELDS}
    return answer


def _hidden(secret: re.Match[str]) -> str:
    beginning, dot, _ = secret[0].rpartition(".")
    return f"{beginning}{dot}SECRET" if dot else "whsec_SECRET"


def retold(service: Service, story: Story) -> Story:
    """The story with the answers that the service gives now."""
    likeness, anew = Likeness(), dict[str, list[Json]]()
    for route, calls in story.items():
        for call in calls:
            reply = ask(service, likeness, route, call)
            answer = _kept_or_new(likeness, call["answer"], answer_in(reply, call))
            one = {**call, "status": reply.status, "answer": answer}
            anew.setdefault(route, []).append(one)
    return anew


def _kept_or_new(likeness: Likeness, documented: Any, real: Any) -> Any:
    """The documented answer if it is like the real one, else the real one with documented ids."""
    try:
        likeness.compare(documented, real)
    except Unlike:
        old, new = ID.findall(json.dumps(documented)), json.dumps(real)
        kept_ids = {real_id: kept for kept, real_id in likeness.real_ids.items()}
        for kept, real_id in zip(old, ID.findall(new), strict=False):
            is_known = kept in likeness.real_ids or real_id in kept_ids
            if not is_known and kind_of(kept) == kind_of(real_id):
                likeness.real_ids[kept], kept_ids[real_id] = real_id, kept
        return json.loads(ID.sub(lambda match: kept_ids.get(match[0], match[0]), new))
    return documented


def main() -> None:
    """Write the story anew."""
    anew = retold(service_over(Table(ExactTable(), "story")), told())
    PATH.write_text(json.dumps(anew, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
