# Generated from `_async` by `make client-models`. Do not edit.
"""The synchronous client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from spendgate import _settings, _subjects
from spendgate._requests import Amounts, Reply, actual_body, new_key, request, spend_body
from spendgate._runtime import Runtime
from spendgate._settings import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT_SECONDS, DEFAULT_TTL_SECONDS
from spendgate._sync import _io
from spendgate._sync._groups import ResourceGroups
from spendgate._sync._guards import Guards
from spendgate._sync._http import API
from spendgate._sync._pages import Pages, export
from spendgate.errors import Unavailable

if TYPE_CHECKING:
    from spendgate import models
    from spendgate._lease_engine import SharedLease
    from spendgate._leases.tenures import LeaseTerms
    from spendgate._local_cap import LocalCap
    from spendgate._sync import hold
    from spendgate._sync import lease as leases
    from spendgate._sync.hold import Hold
    from spendgate.estimators import Estimator
    from spendgate.usage import Usage
else:
    from spendgate._lazy import LazyModule, models

    hold = LazyModule("spendgate._sync.hold")
    leases = LazyModule("spendgate._sync.lease")


class Spendgate(Guards, ResourceGroups):
    """The synchronous client of a Spendgate service.

    `url` and `api_key` default to SPENDGATE_URL and SPENDGATE_API_KEY. `subjects` apply to every
    call. If the service is unavailable, calls fail with `Unavailable`, unless `on_unavailable` is a
    `LocalCap`. With `lease`, calls are admitted from leases, most of them without a request.
    `actor` and `reason` say in the change log for whom and why an admin changes something.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        subjects: Mapping[str, object] | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        max_retries: int = DEFAULT_MAX_RETRIES,
        ttl_seconds: int = DEFAULT_TTL_SECONDS,
        heartbeat: bool = True,
        estimator: Estimator | None = None,
        on_unavailable: LocalCap | None = None,
        settlement: _settings.Settlement = "inline",
        journal: str | Path | None = None,
        queue_url: str | None = None,
        lease: LeaseTerms | bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        settings = _settings.resolve(
            url=url,
            api_key=api_key,
            subjects=subjects,
            timeout=timeout,
            max_retries=max_retries,
            ttl_seconds=ttl_seconds,
            heartbeat=heartbeat,
            estimator=estimator,
            on_unavailable=on_unavailable,
            settlement=settlement,
            journal=journal,
            queue_url=queue_url,
            lease=lease,
            actor=actor,
            reason=reason,
        )
        self._set_up(Runtime(settings))
        self._api.retain()

    @classmethod
    def _of(cls, runtime: Runtime) -> Spendgate:
        """A client of the same configuration, threads and journal as another."""
        client = cls.__new__(cls)
        client._set_up(runtime)
        return client

    def _set_up(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._api: API = _io.api_of(runtime)

    def reserve(
        self,
        *,
        amounts: Amounts | None = None,
        min_amounts: Amounts | None = None,
        usage: Usage | None = None,
        ttl_seconds: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        heartbeat: bool | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **subjects: object,
    ) -> _io.Pending[Hold]:
        """Hold an estimate before the call; raises BudgetRefused if it may not be spent.

        With `min_amounts`, or `min_output_tokens` of the usage, a part may be granted: as much as
        fits, as `hold.reservation` says.
        """
        merged = _subjects.merged(self._settings.subjects, subjects)
        return _io.pending(
            lambda: self._reserve(
                merged,
                amounts=amounts,
                min_amounts=min_amounts,
                usage=usage,
                ttl_seconds=ttl_seconds,
                metadata=metadata,
                idempotency_key=idempotency_key,
                heartbeat=heartbeat,
                extra_body=extra_body,
            )
        )

    def _reserve(
        self,
        subjects: Mapping[str, str],
        *,
        amounts: Amounts | None = None,
        min_amounts: Amounts | None = None,
        usage: Usage | None = None,
        ttl_seconds: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        heartbeat: bool | None = None,
        extra_body: Mapping[str, Any] | None = None,
        lease: SharedLease | None = None,
    ) -> Hold:
        """Admit the call from a lease if there is one, else hold its estimate."""
        ttl = self._settings.ttl_seconds if ttl_seconds is None else ttl_seconds
        try:
            if lease is not None or (
                self._settings.lease is not None
                and (min_amounts, ttl_seconds, idempotency_key, extra_body) == (None,) * 4
            ):
                call = leases.admit(
                    self._runtime,
                    self._api,
                    lease,
                    subjects,
                    amounts=amounts,
                    usage=usage,
                    metadata=metadata,
                )
                if call is not None:
                    return call
            body = spend_body(
                subjects,
                amounts=amounts,
                min_amounts=min_amounts,
                usage=usage,
                ttl_seconds=ttl,
                metadata=metadata,
                extra_body=extra_body,
            )
            key = idempotency_key or new_key()
            asked = request("POST", "reservations", body=body, idempotency_key=key)
            reply = _io.undone_if_interrupted(lambda: self._api.send(asked), self._give_back)
            granted, replayed = reply.json(), reply.status == HTTPStatus.OK
            if lease is not None:
                self._runtime.leases.learn(granted)
        except Unavailable:
            if not self._runtime.grants_locally(amounts, usage):
                raise
            granted, replayed = None, False
        made = hold.Hold(
            self._runtime, self._api, granted, subjects=subjects, usage=usage, amounts=amounts
        )
        made.is_replayed = replayed and idempotency_key is not None
        if self._settings.heartbeat if heartbeat is None else heartbeat:
            made.start_heartbeat(made, ttl)
        return made

    def _give_back(self, reply: Reply) -> None:
        self._runtime.keep_release(reply.json()["reservation_id"])

    def check(
        self,
        *,
        amounts: Amounts | None = None,
        min_amounts: Amounts | None = None,
        usage: Usage | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **subjects: object,
    ) -> models.Check:
        """Ask whether a reservation would be granted now; holds nothing."""
        merged = _subjects.merged(self._settings.subjects, subjects)
        body = spend_body(
            merged, amounts=amounts, min_amounts=min_amounts, usage=usage, extra_body=extra_body
        )
        return self._api.fetch(models.Check, request("POST", "check", body=body))

    def record(
        self,
        *,
        actual: Amounts | None = None,
        usage: Usage | None = None,
        meter_source: str | None = None,
        ref_type: str | None = None,
        ref_id: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        occurred_at: str | None = None,
        idempotency_key: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **subjects: object,
    ) -> models.RecordedSpend:
        """Record spend that was not reserved; it is never refused for lack of budget.

        `occurred_at` (RFC 3339) puts it into the period in which it was spent.
        """
        body = actual_body(
            actual=actual,
            usage=usage,
            meter_source=meter_source,
            ref_type=ref_type,
            ref_id=ref_id,
            description=description,
            extra_body=extra_body,
        )
        body["subjects"] = _subjects.merged(self._settings.subjects, subjects)
        if metadata is not None:
            body["metadata"] = dict(metadata)
        if occurred_at is not None:
            body["occurred_at"] = occurred_at
        asked = request("POST", "spend", body=body, idempotency_key=idempotency_key or new_key())
        return self._api.fetch(models.RecordedSpend, asked)

    def spend(self, **subjects: object) -> models.Spend:
        """Get the balances of the budgets that apply to the subjects."""
        merged = _subjects.merged(self._settings.subjects, subjects)
        return self._api.fetch(models.Spend, request("GET", "spend", query=merged))

    def allowance(self, **subjects: object) -> models.Allowance:
        """Get what the subjects may spend now, in a sentence that a model can read.

        Nothing is held: another caller may spend it first.
        """
        merged = _subjects.merged(self._settings.subjects, subjects)
        return self._api.fetch(models.Allowance, request("GET", "allowance", query=merged))

    def balances(
        self, *, status: str | None = None, limit: int | None = None
    ) -> Pages[models.Balance]:
        """List the balances of all budgets, with one of each subject under a default."""
        query = {"status": status, "limit": limit}
        return Pages(self._api, models.Balance, "balances", query=query)

    def me(self) -> models.Me:
        """Get the tenant, the role and the key of this client."""
        return self._api.fetch(models.Me, request("GET", "me"))

    def export_ledger(
        self,
        *,
        start: str | None = None,
        end: str | None = None,
        format: str = "csv",  # noqa: A002 (the name of the API)
    ) -> Iterator[str]:
        """Export the ledger as `csv` or `jsonl`, a page of text at a time; times are RFC 3339."""
        return export(self._api, "ledger", start=start, end=end, format=format)

    def request(
        self,
        method: str,
        *path: str,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Call an operation that has no method here: `request("GET", "budgets", budget_id)`."""
        asked = request(method, *path, query=query, body=body, idempotency_key=idempotency_key)
        return (self._api.send(asked)).json()

    def send(self, method: str, *path: str, **options: Any) -> Reply:
        """Call an operation as `request` does; returns its status, headers and text."""
        return self._api.send(request(method, *path, **options))

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until background settlements are delivered; False if the time was too short."""
        return self._runtime.flush(timeout)

    def close(self) -> None:
        """Deliver what waits and close the connections."""
        self._api.close()
        _io.run_blocking(self._runtime.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
