"""The leases of a client: one for each set of values of the subject types that have budgets."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spendgate._deliveries import is_temporary
from spendgate._lease_engine import LeaseEngine, SharedLease
from spendgate._leases.holder import Holder, model_name
from spendgate._leases.pricing import Price
from spendgate._leases.steps import Report
from spendgate._leases.tenures import LeaseTerms
from spendgate._living import Living
from spendgate.errors import SpendgateError
from spendgate.usage import Usage

if TYPE_CHECKING:
    from spendgate._runtime import Runtime

_log = logging.getLogger("spendgate")

_MODEL = "model"
_LEASES_KEPT = 1000

Key = frozenset[tuple[str, str]]


class LeaseBook:
    """Finds the lease of a call.

    Until a response has said which subject types have budgets, all subjects tell leases apart.
    Where the types change, all leases are given back and taken anew.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.engine = LeaseEngine(runtime.api.send, self._report, noticed=self.learn)
        self._leases: dict[Key, SharedLease] = {}
        self._own: list[SharedLease] = []
        self._every: Living[SharedLease] = Living()
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._types: frozenset[str] | None = None
        self._prices: dict[str, Price | None] = {}
        self._journaled: set[str] = set()

    def find(self, subjects: Mapping[str, str], usage: Usage | None) -> SharedLease:
        """The lease of a call, made if there is none."""
        with self._lock:
            key = self._key(subjects, usage)
            lease = self._leases.get(key)
            if lease is None:
                if len(self._leases) >= _LEASES_KEPT:
                    self._forget_empty()
                terms = self._runtime.settings.lease
                assert terms is not None, "calls are leased if the client says so"
                lease = self._leases[key] = self._new(terms, self._named(subjects))
            return lease

    def new(self, terms: LeaseTerms, subjects: Mapping[str, str]) -> SharedLease:
        """A lease in the hands of its caller, who closes it."""
        with self._lock:
            lease = self._new(terms, subjects)
            self._own = [known for known in self._own if not known.holder.is_closed]
            self._own.append(lease)
            return lease

    def covers(self, lease: SharedLease, subjects: Mapping[str, str]) -> bool:
        """Whether all budgets of a call are those of the lease."""
        own = lease.holder.subjects
        if subjects is own:
            return True
        types = self._types
        return all(
            own.get(subject_type) == subject_id or (types is not None and subject_type not in types)
            for subject_type, subject_id in subjects.items()
        )

    def learn(self, response: Mapping[str, Any]) -> None:
        """Take note of the subject types that have budgets, which a response names."""
        if "budgeted_types" in response:
            self._learn(frozenset(response["budgeted_types"]))

    def _learn(self, types: frozenset[str]) -> None:
        if types == self._types:
            return
        with self._lock:
            known, self._types = self._types, types
            leases, self._leases = self._leases, {}
            gone = list(self._own) if known is not None else []
            for key, found in leases.items():
                if known is None and self._leases.setdefault(self._narrowed(key), found) is found:
                    found.holder.subjects = self._named(found.holder.subjects)
                else:
                    gone.append(found)
        for found in gone:
            found.retire()

    def close(self, timeout: float) -> bool:
        """Report what was spent and give back what is left; False if the time was too short."""
        deadline = time.monotonic() + timeout
        with self._lock:
            leases = [*self._leases.values(), *self._own]
        for lease in leases:
            lease.close()
        late = [
            lease
            for lease in leases
            if not self.engine.drain(lease, max(0.0, deadline - time.monotonic()))
        ]
        self.engine.close()
        if late:
            _log.error("spendgate: %s leases were not drained; they expire", len(late))
        return not late

    def after_fork(self) -> None:
        """Leave the leases to the parent, with the calls that they admitted."""
        self.engine.after_fork()
        for lease in self._every:
            lease.after_fork()
        self._reset()

    def _new(self, terms: LeaseTerms, subjects: Mapping[str, str]) -> SharedLease:
        lease = SharedLease(self.engine, Holder(subjects, terms, self._prices))
        self._every.add(lease)  # also when it is retired, while its calls run
        return lease

    def _named(self, subjects: Mapping[str, str]) -> dict[str, str]:
        if self._types is None:
            return dict(subjects)
        return {name: value for name, value in subjects.items() if name in self._types}

    def _key(self, subjects: Mapping[str, str], usage: Usage | None) -> Key:
        if usage is not None and _MODEL not in subjects:
            subjects = {**subjects, _MODEL: model_name(usage)}
        return self._narrowed(frozenset(subjects.items()))

    def _narrowed(self, key: Key) -> Key:
        types = self._types
        return key if types is None else frozenset(pair for pair in key if pair[0] in types)

    def _forget_empty(self) -> None:
        self._leases = {
            key: lease for key, lease in self._leases.items() if not lease.holder.is_empty
        }

    def _report(self, report: Report) -> None:
        """Deliver a report in the way that the client is configured for; raises SpendgateError."""
        runtime, delivery = self._runtime, report.delivery
        journal = runtime.journal
        if journal is not None and delivery.id not in self._journaled:
            journal.write(delivery)
            self._journaled.add(delivery.id)
        try:
            if report.is_last:
                runtime.send_by_http(delivery)
            else:
                runtime.send(delivery)
        except SpendgateError as error:
            if journal is not None and not is_temporary(error):
                self._journaled.discard(delivery.id)
                journal.set_aside(delivery)
            raise
        if journal is not None:
            self._journaled.discard(delivery.id)
            journal.confirm(delivery)
