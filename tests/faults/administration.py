"""Operations of admins and of the operator for faults to be tried on.

A creation or a rotation is sent with a key; anything else may be sent again as it is.
"""

from collections.abc import Callable
from typing import Any

from spendgate_service.notifications.deliver import Notifier
from spendgate_service.notifications.queue import Delivery
from spendgate_service.notifications.sentences import TEST_EVENT
from spendgate_service.wire.events import envelope
from tests.faults.operations import Act, Known, Operation, one_budget, prepared
from tests.scenarios.service import Party
from tests.support.app import Inline, ListedNotifications
from tests.support.clock import NOON_MS
from tests.support.fault_fixture import TENANT, Stage
from tests.support.functions import HttpAnswer
from tests.support.http_events import a_principal

HOOK = {
    "format": "webhook", "url": "https://example.com/hook", "event_types": ["budget.exhausted"],
}  # fmt: skip
EVENT = envelope(event_id="evt_1", event_type=TEST_EVENT, tenant_id=TENANT, occurred_at_ms=NOON_MS)
PRICE = {"input_per_million": "1", "output_per_million": "2"}
CAP = {"max_total_tokens": 100}


def _ask(method: str, path: str, body: object = None, *, key: str | None = None) -> Act:
    """A request; `{name}` in its path is the id of what was laid down under that name."""

    def act(stage: Stage, known: Known) -> HttpAnswer:
        ids = {name: made["id"] for name, made in known.items() if "id" in made}
        return stage.ask(method, path.format(**ids), body, key=key)

    return act


def _as_operator(path: str, body: object) -> Act:
    def act(stage: Stage, _known: Known) -> HttpAnswer:
        operator = Party(stage.party.service, a_principal("operator", tenant_id="-"))
        return operator.ask("POST", path, body, headers={"Idempotency-Key": "k"})

    return act


def _with_made(name: str, path: str, body: object) -> Callable[[Stage], Known]:
    """One budget, and what a creation makes, under that name."""

    def make(stage: Stage, known: Known) -> None:
        made = stage.party.done("POST", path, body)
        known[name] = {"id": made.get("id") or made["key_id"]}

    return prepared(one_budget, make)


def _with_set(path: str, body: object) -> Callable[[Stage], Known]:
    return prepared(one_budget, lambda stage, _known: stage.party.done("PUT", path, body))


def _paused(stage: Stage, known: Known) -> None:
    stage.party.switch(known["agent"], "pause")


def _disabled(stage: Stage, known: Known) -> None:
    stage.party.switch(known["agent"], "disable")


def _switch(action: str) -> Act:
    def act(stage: Stage, known: Known) -> HttpAnswer:
        return stage.ask("POST", f"/v1/budgets/{known['agent']['budget_id']}/{action}")

    return act


class _Receiver:
    """Takes every post."""

    def send(self, *_post: Any) -> None:
        """Nothing fails here: it is the table that does."""


def _deliver(stage: Stage, known: Known) -> HttpAnswer:
    """What the consumer of the queue does with one delivery; SQS delivers what comes back."""
    notifier = Notifier(
        stage.table, ListedNotifications(), _Receiver(), pool=Inline(),  # type: ignore[arg-type]
        now_ms=stage.clock.now_ms, console_url="https://example.com", allow_local=False,
    )  # fmt: skip
    delivery = Delivery(TENANT, known["hook"]["id"], EVENT)
    record = {
        "messageId": "m",
        "body": delivery.body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(stage.clock.now_ms())},
    }
    left = notifier.handle([record], lambda: True)
    return HttpAnswer(503 if left else 200, {}, {"Retry-After": "60"})


_HOOK = _with_made("hook", "/v1/notifications", HOOK)
_KEY = _with_made("key", "/v1/keys", {"role": "caller"})

ADMINISTRATION = (
    Operation("resume", prepared(one_budget, _paused), _switch("resume")),
    Operation("disable", one_budget, _switch("disable")),
    Operation("enable", prepared(one_budget, _disabled), _switch("enable")),
    Operation("cap tokens", one_budget, _ask("PUT", "/v1/token-caps/agent/a", CAP)),
    Operation(
        "take a cap away",
        _with_set("/v1/token-caps/agent/a", CAP),
        _ask("DELETE", "/v1/token-caps/agent/a"),
        done_before=404,
    ),
    Operation("set a price", one_budget, _ask("PUT", "/v1/prices/me/m", PRICE)),
    Operation(
        "take a price away",
        _with_set("/v1/prices/me/m", PRICE),
        _ask("DELETE", "/v1/prices/me/m"),
        done_before=404,
    ),
    Operation("set a rate", one_budget, _ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08"})),
    Operation(
        "take a rate away",
        _with_set("/v1/rates/eur/usd", {"rate": "1.08"}),
        _ask("DELETE", "/v1/rates/eur/usd"),
        done_before=404,
    ),
    Operation("change settings", one_budget, _ask("PATCH", "/v1/tenant", {"name": "Acme 2"})),
    Operation(
        "create a tenant, with a key",
        one_budget,
        _as_operator("/v1/tenants", {"tenant_id": "globex"}),
    ),
    Operation(
        "issue a key to a tenant, with a key",
        one_budget,
        _as_operator(f"/v1/tenants/{TENANT}/keys", {"role": "admin"}),
    ),
    Operation(
        "create a key, with a key",
        one_budget,
        _ask("POST", "/v1/keys", {"role": "caller"}, key="k"),
    ),
    Operation(
        "rotate a key, with a key",
        _KEY,
        _ask("POST", "/v1/keys/{key}/rotate", {"grace_seconds": 60}, key="k"),
    ),
    Operation("revoke a key", _KEY, _ask("DELETE", "/v1/keys/{key}"), done_before=404),
    Operation(
        "create a notification, with a key",
        one_budget,
        _ask("POST", "/v1/notifications", HOOK, key="k"),
    ),
    Operation(
        "change a notification",
        _HOOK,
        _ask("PATCH", "/v1/notifications/{hook}", {"subject_prefix": "agent:"}),
    ),
    Operation(
        "rotate a notification's secret, with a key",
        _HOOK,
        _ask("POST", "/v1/notifications/{hook}/rotate", {}, key="k"),
    ),
    Operation("test a notification", _HOOK, _ask("POST", "/v1/notifications/{hook}/test")),
    Operation(
        "delete a notification",
        _HOOK,
        _ask("DELETE", "/v1/notifications/{hook}"),
        done_before=404,
    ),
    Operation("deliver a notification", _HOOK, _deliver),
)
