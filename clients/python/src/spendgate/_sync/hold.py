# Generated from `_async` by `make client-models`. Do not edit.
"""A reservation in the hands of the caller: settle it, release it, or extend it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from spendgate._deliveries import Delivery, fallback, is_temporary, moment
from spendgate._heartbeat import Beat
from spendgate._requests import Amounts, actual_body, new_key, request
from spendgate._runtime import Runtime
from spendgate._settings import in_lambda
from spendgate._sync import _io
from spendgate._sync._http import API
from spendgate.errors import APIStatusError, SpendgateError
from spendgate.usage import Usage, usage_from_provider

if TYPE_CHECKING:
    from spendgate import models
else:
    from spendgate._lazy import models

_log = logging.getLogger("spendgate")


class Hold:
    """An amount that is held until it is settled, released, or expired.

    As a context manager it stops its heartbeat at the end. Code that ends without `settle` or
    `release` leaves the hold to expire, also when it raised: the provider may have been paid.
    """

    def __init__(
        self,
        runtime: Runtime,
        api: API,
        granted: Mapping[str, Any] | None,
        *,
        subjects: Mapping[str, str],
        usage: Usage | None,
        amounts: Amounts | None,
    ) -> None:
        self._runtime = runtime
        self._api = api
        self._granted = granted
        self._usage = usage
        self._amounts = amounts
        self._beat: Beat | None = None
        self._finished = False
        self.is_replayed = False
        """Whether the caller's idempotency key was granted before: the call may have been made.

        It is also set if the response to this reservation was lost and the client asked again.
        """
        self.subjects = subjects
        self.id: str | None = None if granted is None else granted["reservation_id"]
        self._granted_at = moment()

    @property
    def is_local(self) -> bool:
        """Whether the local cap granted it, because the service was unavailable."""
        return self._granted is None

    @property
    def reservation(self) -> models.ReservationGranted | None:
        """What the service granted; None for a local grant."""
        if self._granted is None:
            return None
        return models.ReservationGranted.model_validate(self._granted)

    @property
    def warnings(self) -> list[str]:
        """A sentence for each budget that is past a threshold."""
        return [] if self._granted is None else list(self._granted.get("warnings", ()))

    def start_heartbeat(self, owner: object, ttl_seconds: int) -> None:
        """Extend the hold as long as the owner lives and the hold is open."""
        if self.id is not None:
            self._beat = self._runtime.heartbeat.add(owner, self.id, ttl_seconds)

    def settle(
        self,
        *,
        actual: Amounts | None = None,
        usage: Usage | None = None,
        provider_usage: object = None,
        meter_source: str | None = None,
        ref_type: str | None = None,
        ref_id: str | None = None,
        description: str | None = None,
    ) -> None:
        """Report what was spent; a unit that is not named settles at its estimate.

        `provider_usage` is the `usage` of the provider's response, for a hold that was made by
        usage. If the service is unavailable the report is delivered later, in the background.
        """
        if provider_usage is not None:
            usage = self._read(provider_usage)
        body = actual_body(
            actual=actual,
            usage=usage,
            meter_source=meter_source,
            ref_type=ref_type,
            ref_id=ref_id,
            description=description,
        )
        self.deliver(self.settlement(body, usage))

    def release(self) -> None:
        """Give the hold back; only if it is certain that nothing was spent."""
        if self.id is not None:
            self.deliver(Delivery("release", self.id))
        self.leave()

    def extend(self, ttl_seconds: int) -> None:
        """Let the hold expire that many seconds from now."""
        if self.id is not None:
            self._api.send(
                request(
                    "POST", "reservations", self.id, "extend", body={"ttl_seconds": ttl_seconds}
                )
            )

    def settle_later(
        self,
        *,
        actual: Amounts | None = None,
        usage: Usage | None = None,
        meter_source: str | None = None,
        ref_type: str | None = None,
        ref_id: str | None = None,
    ) -> None:
        """Settle from where nothing can be awaited: in the background, in Lambda at once."""
        self.leave()
        body = actual_body(
            actual=actual, usage=usage, meter_source=meter_source, ref_type=ref_type, ref_id=ref_id
        )
        self._runtime.deliver_dropped(self.settlement(body, usage))

    def leave(self) -> None:
        """Neither settle nor release: what happened is unknown, so the hold expires."""
        self._finished = True
        if self._beat is not None:
            self._beat.stop()

    def settlement(self, body: Mapping[str, Any], usage: Usage | None) -> Delivery:
        """The settlement with that body; for a local grant the record that stands for it.

        The record counts when the call was granted, however late it is delivered.
        """
        metered = usage or self._usage
        tokens = metered.total_tokens if metered is not None else 0
        if self.id is not None:
            return Delivery("settle", self.id, body, tokens)
        fields: dict[str, Any] = {
            "subjects": dict(self.subjects),
            "occurred_at": self._granted_at,
            **body,
        }
        if "usage" not in body and "actual" not in body:
            fields.update(self._estimate_as_actual())
        return Delivery("record", new_key(), fields, tokens)

    def deliver(self, delivery: Delivery) -> None:
        """Deliver a settlement or release in the way that the client is configured for."""
        self.leave()
        runtime = self._runtime
        try:
            if runtime.journal is not None:
                _io.run_blocking(runtime.journal.write, delivery)
            if runtime.settings.settlement == "background" or (self.is_local and not in_lambda()):
                runtime.keep(delivery)
                return
            self._send(delivery)
        except _io.Interrupted:
            runtime.keep(delivery)
            raise
        except SpendgateError as error:
            if is_temporary(error):
                _log.warning("spendgate: %s is delivered later: %s", delivery.kind, error)
                runtime.keep(delivery)
                return
            if runtime.journal is not None:
                runtime.journal.set_aside(delivery)
            raise
        if runtime.journal is not None:
            runtime.journal.confirm(delivery)

    def _send(self, delivery: Delivery) -> None:
        if self._runtime.settings.settlement == "sqs":
            _io.run_blocking(self._runtime.send, delivery)
            return
        try:
            self._api.send(delivery.request())
        except APIStatusError as error:
            instead = fallback(delivery, error)
            if instead is None:
                raise
            _log.warning(
                "spendgate: %s is refused; it is reported without the price or time: %s",
                delivery.target,
                error,
            )
            self._api.send(instead.request())

    def _read(self, provider_usage: object) -> Usage:
        if self._usage is None:
            raise ValueError("provider_usage needs a hold that was reserved with usage")
        usage = usage_from_provider(self._usage.provider, self._usage.model, provider_usage)
        if usage is None:
            raise ValueError("provider_usage is no usage object of OpenAI or Anthropic")
        return usage

    def _estimate_as_actual(self) -> dict[str, Any]:
        if self._amounts is not None:
            return actual_body(actual=self._amounts)
        usage = self._usage
        if usage is None:
            return {}
        output_tokens = max(usage.output_tokens, usage.max_output_tokens or 0)
        return actual_body(usage=replace(usage, output_tokens=output_tokens))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._finished:
            if error is None:
                _log.warning("spendgate: %s was neither settled nor released; it expires", self.id)
            self.leave()
