"""The messages of the settlement queue: the HTTP bodies, with the tenant that they are for."""

from dataclasses import replace
from typing import Annotated, Literal

from spendgate_service.api.bodies.body import Body, reader_of
from spendgate_service.api.bodies.capturing import CaptureBody
from spendgate_service.api.bodies.declaring import (
    Discriminator,
)
from spendgate_service.api.bodies.fields import EventIdField, ObjectIdField, TenantIdField
from spendgate_service.api.bodies.settling import RecordBody, SettleBody
from spendgate_service.api.json_body import read_object
from spendgate_service.api.notes import spenders_and_notes
from spendgate_service.api.validation import validated
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.requests import Release, SettlementCommand
from spendgate_service.pricing.priced_amounts import KnowsTenants, priced_or_problem


class SettleMessage(SettleBody):
    """Settle a reservation."""

    version: Literal[1]
    type: Literal["settle"]
    tenant_id: TenantIdField
    reservation_id: ObjectIdField


class CaptureMessage(CaptureBody):
    """Report what a lease has spent and given back since its start."""

    version: Literal[1]
    type: Literal["capture"]
    tenant_id: TenantIdField
    reservation_id: ObjectIdField


class ReleaseMessage(Body):
    """Release a reservation."""

    version: Literal[1]
    type: Literal["release"]
    tenant_id: TenantIdField
    reservation_id: ObjectIdField


class RecordMessage(RecordBody):
    """Record spend that was never reserved; `event_id` makes it happen once."""

    version: Literal[1]
    type: Literal["record"]
    tenant_id: TenantIdField
    event_id: EventIdField


type Message = SettleMessage | CaptureMessage | ReleaseMessage | RecordMessage

AnyMessage = Annotated[
    SettleMessage | CaptureMessage | ReleaseMessage | RecordMessage, Discriminator("type")
]


_read = reader_of(AnyMessage)


def read_message(body: str) -> Message:
    """Read the message in the body of an SQS record. Raises InvalidJson and InvalidValue."""
    message: Message = validated(_read, read_object(body))
    return message


def command_of(
    message: Message, policy_cache: KnowsTenants, *, now_ms: int, sent_at_ms: int
) -> SettlementCommand:
    """Return the command of a message, with its usage priced by the settings of its tenant.

    Recorded spend without a time of its own occurred when the message was first sent. A cost that
    is not known, and an unknown tenant, is the command's `problem`: a duplicate of an applied
    message is still recognised.
    """
    if isinstance(message, ReleaseMessage):
        return Release(message.tenant_id, message.reservation_id)
    tenant_id = message.tenant_id
    if isinstance(message, CaptureMessage):
        return message.to_capture(tenant_id=tenant_id, reservation_id=message.reservation_id)
    if isinstance(message, SettleMessage):
        priced = priced_or_problem(message, policy_cache, tenant_id, now_ms)
        return message.to_settle(
            tenant_id=tenant_id, reservation_id=message.reservation_id, priced=priced
        )
    priced = message.priced(policy_cache, tenant_id, reported_at_ms=sent_at_ms)
    if not policy_cache.tenant(tenant_id).is_known:
        priced = replace(priced, problem=NotFound("tenant", tenant_id))
    command = message.to_record(
        tenant_id=tenant_id,
        key_id=None,
        priced=priced,
        idempotency_key=message.event_id,
        occurred_at_ms=sent_at_ms if message.occurred_at is None else message.occurred_at,
    )
    tenant = policy_cache.tenant(tenant_id)
    subjects, notes = spenders_and_notes(message, priced, command.subjects, tenant)
    return replace(command, subjects=subjects, notes=notes)
