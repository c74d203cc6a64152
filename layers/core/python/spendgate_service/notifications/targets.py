"""Create, list, change, rotate and delete targets of notifications."""

import base64
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from spendgate_service.domain.changes import Action, Author
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.notifications import (
    GRACE_SECONDS,
    OLDER_SECRETS_MAX,
    TARGETS_MAX,
    DeliveryState,
    Notification,
    OlderSecret,
)
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.ids import new_id
from spendgate_service.store.listings import page_by_name
from spendgate_service.store.notifications import (
    deletion_of_state,
    put_of_targets,
    read_states,
    read_targets,
)
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.wire.changes import notification_fields
from spendgate_service.wire.notifications import notification_with_secret
from spendgate_service.wire.values import json_text

SECRET_PREFIX = "whsec_"  # noqa: S105 (the prefix of every secret of Standard Webhooks)
TEST_INTERVAL_MS = 10_000

_SECRET_BYTES = 32
_ID = re.compile("ntf_[0-9a-z]{26}")

type Targets = Mapping[str, Notification]


def new_notification_id(*, now_ms: int) -> str:
    """Generate the id of a target."""
    return new_id("ntf_", now_ms=now_ms)


def new_secret() -> str:
    """Generate a secret as Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


@dataclass(frozen=True, slots=True)
class _Step:
    """What a change makes of a tenant's targets: all of them, and the entry of the change log."""

    targets: Targets
    changed: Changed
    subject: Notification


type _Change = Callable[[Targets], _Step]
"""Returns the targets after the change. Raises what forbids it."""


def create_target(
    table: Table,
    tenant_id: str,
    target: Notification,
    *,
    idempotency: IdempotencyRecord | None,
    by: Author,
    now_ms: int,
) -> Notification | Replay:
    """Create a target, once under an idempotency key. Raises InvalidValue if there are too many."""

    def add(targets: Targets) -> _Step:
        if len(targets) >= TARGETS_MAX:
            raise InvalidValue(
                f"this tenant has {TARGETS_MAX} notifications already, which is as many as it may "
                "have; delete one first"
            )
        return _step(targets, "notification.created", None, target)

    return _changed(table, tenant_id, add, idempotency=idempotency, by=by, now_ms=now_ms)


def change_target(
    table: Table,
    tenant_id: str,
    notification_id: str,
    change: Callable[[Notification], Notification],
    *,
    by: Author,
    now_ms: int,
) -> Notification:
    """Change a target. Raises NotFound, and what `change` raises of the target as it is."""

    def replace_it(targets: Targets) -> _Step:
        before = _find(targets, notification_id)
        changed = change(before)
        after = before if changed == before else _revised(changed, now_ms=now_ms)
        return _step(targets, "notification.changed", before, after)

    return _applied(table, tenant_id, replace_it, by=by, now_ms=now_ms)


def rotate_secret(
    table: Table,
    tenant_id: str,
    notification_id: str,
    *,
    idempotency: IdempotencyRecord | None,
    by: Author,
    now_ms: int,
) -> Notification | Replay:
    """Give a webhook a new secret; the one before signs beside it for a day.

    Raises NotFound, and InvalidValue for a chat or for too many rotations within the day.
    """

    def rotate(targets: Targets) -> _Step:
        before = _find(targets, notification_id)
        after = _with_new_secret(_revised(before, now_ms=now_ms), now_ms=now_ms)
        return _step(targets, "notification.rotated", before, after)

    return _changed(table, tenant_id, rotate, idempotency=idempotency, by=by, now_ms=now_ms)


def delete_target(
    table: Table,
    tenant_id: str,
    notification_id: str,
    check: Callable[[Notification], object],
    *,
    by: Author,
    now_ms: int,
) -> Notification:
    """Delete a target; messages that wait for it are dropped. Raises NotFound, and as `check`."""

    def remove(targets: Targets) -> _Step:
        before = _find(targets, notification_id)
        check(before)
        return _step(targets, "notification.deleted", before, None)

    return _applied(table, tenant_id, remove, by=by, now_ms=now_ms)


def list_targets(
    table: Table, tenant_id: str, page_request: PageRequest
) -> tuple[Page[Notification], Mapping[str, DeliveryState]]:
    """Read a page of the targets in the order of their creation, and their states by id.

    Raises InvalidValue for a cursor of another list.
    """
    page = page_by_name(read_targets(table, tenant_id).targets, page_request, _ID)
    shown = [target.notification_id for target in page.data]
    return page, read_states(table, tenant_id, shown)


def find_target(
    table: Table, tenant_id: str, notification_id: str
) -> tuple[Notification, DeliveryState | None]:
    """Read a target and its state. Raises NotFound."""
    target = _find(read_targets(table, tenant_id).targets, notification_id)
    return target, state_of(table, tenant_id, notification_id)


def state_of(table: Table, tenant_id: str, notification_id: str) -> DeliveryState | None:
    """Read the state of a target; None if nothing was sent to it."""
    return read_states(table, tenant_id, [notification_id]).get(notification_id)


def _find(targets: Targets, notification_id: str) -> Notification:
    found = targets.get(notification_id)
    if found is None:
        raise NotFound("notification", notification_id)
    return found


def _step(
    targets: Targets, action: Action, before: Notification | None, after: Notification | None
) -> _Step:
    subject = after or before
    assert subject is not None
    others = {name: target for name, target in targets.items() if target != before}
    left = others if after is None else {**others, after.notification_id: after}
    shown = notification_fields(before), notification_fields(after)
    return _Step(left, Changed(action, subject.notification_id, *shown), subject)


def _revised(target: Notification, *, now_ms: int) -> Notification:
    """Return the target with its next revision, and without the secrets whose grace has ended."""
    return replace(
        target,
        revision=target.revision + 1,
        updated_at_ms=max(now_ms, target.updated_at_ms + 1),
        older_secrets=tuple(old for old in target.older_secrets if old.ends_at_ms > now_ms),
    )


def _with_new_secret(target: Notification, *, now_ms: int) -> Notification:
    if target.secret is None:
        raise InvalidValue(
            f"the notification {target.notification_id} goes to a chat, which has no secret to "
            "rotate; change its url instead"
        )
    if len(target.older_secrets) >= OLDER_SECRETS_MAX:
        raise InvalidValue(
            f"{OLDER_SECRETS_MAX} older secrets of {target.notification_id} are still in their "
            "grace of 24 hours; wait until one has ended"
        )
    replaced = OlderSecret(target.secret, now_ms + GRACE_SECONDS * 1000)
    return replace(target, secret=new_secret(), older_secrets=(replaced, *target.older_secrets))


def _applied(
    table: Table, tenant_id: str, change: _Change, *, by: Author, now_ms: int
) -> Notification:
    made = _changed(table, tenant_id, change, idempotency=None, by=by, now_ms=now_ms)
    assert isinstance(made, Notification), "without an idempotency key nothing is replayed"
    return made


def _changed(
    table: Table,
    tenant_id: str,
    change: _Change,
    *,
    idempotency: IdempotencyRecord | None,
    by: Author,
    now_ms: int,
) -> Notification | Replay:
    """Change a tenant's targets, on condition that they are as they were read.

    A change that changes nothing is not written. Raises IdempotencyConflict, and what `change`
    raises.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    changing = "the notifications are being changed right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        seen = read_targets(table, tenant_id)
        step = change(seen.targets)
        if step.targets == seen.targets:
            return step.subject
        writes = [
            put_of_targets(table, tenant_id, seen, step.targets.values()),
            change_entry(table, tenant_id, by, step.changed, now_ms=now_ms),
            *_writes_besides(table, tenant_id, step, idempotency, now_ms=now_ms),
        ]
        try:
            table.transact(writes)
        except TransactionFailed as failed:
            replay = idempotency.replay_of(failed.objections[-1]) if idempotency else None
            if replay:
                return replay
            if not failed.may_succeed_next:
                raise
            continue
        return step.subject
    raise LoopEnded


def _writes_besides(
    table: Table,
    tenant_id: str,
    step: _Step,
    idempotency: IdempotencyRecord | None,
    *,
    now_ms: int,
) -> list[dict[str, object]]:
    notification_id = step.subject.notification_id
    writes = []
    if notification_id not in step.targets:
        writes.append(deletion_of_state(table, tenant_id, notification_id))
    if idempotency:
        replayed = json_text(notification_with_secret(step.subject, secret=None))
        writes.append(idempotency.put(table, replayed, now_ms=now_ms))
    return writes
