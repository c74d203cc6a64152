"""What the end-to-end tests do from the outside: HTTP requests, queue messages, and waiting."""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

type Json = dict[str, Any]

DEADLINE_SECONDS = 120.0
_LOOK_AGAIN_SECONDS = 0.1
_TRIES_MAX = 20


def eventually[T](
    look: Callable[[], T], wanted: Callable[[T], object], *, seconds: float = DEADLINE_SECONDS
) -> T:
    """What `look` sees once it is as wanted; fails with what it saw last."""
    deadline = time.monotonic() + seconds
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, f"after {seconds} s it still is {seen}"
        time.sleep(_LOOK_AGAIN_SECONDS)
    return seen


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a caller sees it; header names are read in any case."""

    status: int
    headers: Mapping[str, str]
    body: Json

    @property
    def error(self) -> Json:
        error: Json = self.body["error"]
        assert {"code", "type", "message", "param"} <= error.keys()
        assert error["message"]
        return error

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.error["code"]


class Caller:
    """The API with one key. Every answer must carry a request id."""

    def __init__(self, http: httpx2.Client, key: str | None) -> None:
        self._http = http
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        once: str | None = None,
        expected: int | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Reply:
        """Text and bytes are sent as they are, anything else as JSON."""
        headers = {**self._headers, **({"Idempotency-Key": once} if once else {})}
        raw = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        if raw is not None:
            headers["Content-Type"] = "application/json"
        got = self._http.request(method, path, content=raw, headers=headers, params=query or None)
        for _ in range(_TRIES_MAX):
            if got.status_code != 503 or expected in {None, 503}:
                break  # the engine took longer than a function waits for it: send it again
            time.sleep(_LOOK_AGAIN_SECONDS)
            got = self._http.request(
                method, path, content=raw, headers=headers, params=query or None
            )
        assert got.headers["x-request-id"], (method, path, got.status_code)
        reply = Reply(got.status_code, got.headers, got.json() if got.content else {})
        assert expected in {None, reply.status}, (method, path, reply.status, reply.body)
        return reply

    def get(self, path: str, **query: str | int) -> Json:
        return self.send("GET", path, expected=200, query=query).body

    def post(self, path: str, body: object = None, **options: Any) -> Reply:
        return self.send("POST", path, body, **options)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant of a test module's own, and short words for what its people do."""

    tenant_id: str
    admin: Caller
    caller: Caller
    reader: Caller

    def budget(self, limit: int | str, *, on: str | None = None, **fields: object) -> Json:
        """A new budget, on an agent that nobody has heard of unless one is named."""
        body = {"subject": on or f"agent:{new_name()}", "unit": "usd", "limit": limit, **fields}
        return self.admin.post("/v1/budgets", body, expected=201).body

    def ask(self, budget: Json, amount: str | int, **more: Any) -> Reply:
        """A request for a reservation by the subject of that budget."""
        once = more.pop("once", None)
        return self.caller.post(
            "/v1/reservations",
            {"subjects": subjects_of(budget), "amounts": {budget["unit"]: amount}, **more},
            once=once,
        )

    def reserve(self, budget: Json, amount: str | int, **more: Any) -> str:
        """The id of a reservation that was granted."""
        reply = self.ask(budget, amount, **more)
        assert reply.status == 201, reply.body
        return str(reply.body["reservation_id"])

    def finish(self, reservation_id: str, how: str, body: object = None) -> Reply:
        """Settle, release or extend."""
        return self.caller.post(f"/v1/reservations/{reservation_id}/{how}", body)

    def reservation(self, reservation_id: str) -> Json:
        return self.caller.get(f"/v1/reservations/{reservation_id}")

    def balance(self, budget: Json) -> Json:
        return self.admin.get(f"/v1/budgets/{budget['budget_id']}/balance")

    def amounts(self, budget: Json) -> tuple[str, str, str]:
        """Spent, held and available."""
        balance = self.balance(budget)
        return balance["spent"], balance["held"], balance["available"]

    def ledger(self, budget: Json) -> list[Json]:
        entries: list[Json] = self.admin.get(f"/v1/budgets/{budget['budget_id']}/ledger")["data"]
        return entries


def subjects_of(budget: Json) -> dict[str, str]:
    kind, _, name = budget["subject"].partition(":")
    return {kind: name}


def new_name(prefix: str = "e2e") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True, slots=True)
class Queues:
    """The settlement queue and its dead-letter queue."""

    sqs: Any
    url: str
    dead_letters_url: str

    def send(self, *messages: Json | str) -> None:
        """Send up to ten messages together; text is sent as it is."""
        entries = [
            {"Id": str(place), "MessageBody": one if isinstance(one, str) else json.dumps(one)}
            for place, one in enumerate(messages)
        ]
        answer = self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)
        assert not answer.get("Failed"), answer

    def wait_until_empty(self) -> None:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def left() -> int:
            asked = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
            return sum(int(asked["Attributes"][name]) for name in names)

        eventually(left, lambda count: count == 0)

    def take_dead(self, *bodies: str) -> dict[str, dict[str, str]]:
        """Wait for dead messages, take them away, and answer the attributes of each."""
        found: dict[str, dict[str, str]] = {}

        def look() -> set[str]:
            asked = self.sqs.receive_message(
                QueueUrl=self.dead_letters_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                VisibilityTimeout=1,
            )
            for message in asked.get("Messages", ()):
                if message["Body"] in bodies:
                    attributes = message.get("MessageAttributes", {})
                    found[message["Body"]] = {k: v["StringValue"] for k, v in attributes.items()}
                    self.sqs.delete_message(
                        QueueUrl=self.dead_letters_url, ReceiptHandle=message["ReceiptHandle"]
                    )
            return set(bodies) - found.keys()

        eventually(look, lambda missing: not missing)
        return found
