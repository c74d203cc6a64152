"""Notifications reach a receiver on this machine, all the way from the table's stream."""

import base64
import hashlib
import hmac
import json

from tests.e2e.client import Json, Tenant, eventually
from tests.support.receiver import LocalReceiver, Received, local_receiver

TYPES = ["budget.threshold_reached", "budget.exhausted"]


def target(tenant: Tenant, receiver: LocalReceiver, **fields: object) -> Json:
    body = {"url": receiver.url, "event_types": TYPES, **fields}
    return tenant.admin.post("/v1/notifications", body, expected=201).body


def sentences(receiver: LocalReceiver) -> list[str]:
    """What a chat has got, one sentence after the other."""
    return [
        line
        for request in list(receiver.received)
        for line in json.loads(request.body)["text"].splitlines()
    ]


def delivery_to(tenant: Tenant, path: str) -> Json:
    """How the first message to a target went, once it was sent."""
    return eventually(
        lambda: tenant.admin.get(path)["last_delivery"],
        lambda delivery: delivery["state"] != "none",
    )


def is_signed(request: Received, secret: str) -> bool:
    """Whether the signature of a webhook is right, computed without the service's code."""
    message_id, sent_at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    signed = f"{message_id}.{sent_at}.".encode() + request.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in request.headers["webhook-signature"].split(" ")


def test_a_chat_hears_of_a_budget_that_runs_out_and_a_webhook_gets_it_signed(
    tenant: Tenant,
) -> None:
    with local_receiver() as chat, local_receiver() as hook:
        target(tenant, chat, format="slack")
        made = target(tenant, hook, format="webhook", subject_prefix="agent:")
        budget = tenant.budget(10, period={"type": "calendar", "unit": "month"})
        tenant.finish(tenant.reserve(budget, 10), "settle", {"actual": {"usd": "10"}})

        eventually(lambda: len(hook.received), lambda count: count >= 2)
        said = eventually(lambda: sentences(chat), lambda lines: len(lines) >= 2)

    agent = budget["subject"].partition(":")[2]
    assert all(line.startswith(f"agent {agent} has used ") for line in said)
    assert any("has used up its 10 usd for " in line for line in said)
    assert all(is_signed(request, made["secret"]) for request in hook.received)
    types = {json.loads(request.body)["type"] for request in hook.received}
    assert types == set(TYPES)
    for request in hook.received:
        url = json.loads(request.body)["url"]
        assert f"/console#/budgets/{budget['budget_id']}" in url


def test_a_test_message_shows_how_it_went(tenant: Tenant) -> None:
    refusing = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\r\n"
    with local_receiver() as up, local_receiver(answer=refusing) as down:
        paths = [
            f"/v1/notifications/{target(tenant, receiver, format='teams')['id']}"
            for receiver in (up, down)
        ]
        for path in paths:
            tenant.admin.post(f"{path}/test", expected=200)
        delivered, failing = (delivery_to(tenant, path) for path in paths)

    assert (delivered["state"], delivered["reason"]) == ("delivered", None)
    assert failing["state"] == "failing"
    assert "redirects are not followed" in failing["reason"]
