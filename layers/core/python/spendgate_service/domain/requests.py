"""The requests of callers, as the rules use them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Claim
from spendgate_service.domain.caps import TokenCounts, tokens_of
from spendgate_service.domain.errors import InvalidValue, SpendgateError
from spendgate_service.domain.fitting import Room, UsageEstimate
from spendgate_service.domain.reservations import OnExpiry, Provenance
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import MeteredUsage

CLAIMS_MAX = 24
"""The maximum number of budgets that may apply to one request.

Its settlement must fit one transaction of 100 writes, two per budget, even if the actual cost names
units that were not reserved and as many budgets apply to these.
"""


def claims_fit_one_transaction(claims: Sequence[Claim]) -> None:
    """Raise InvalidValue if more budgets apply to a request than one transaction can settle."""
    if len(claims) > CLAIMS_MAX:
        raise InvalidValue(
            f"{len(claims)} budgets apply to this request and at most {CLAIMS_MAX} may; "
            "name fewer subjects or units",
            param="body.subjects",
        )


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """The request of a check or a reservation.

    `subjects` include the organization and the calling key. `fingerprint` identifies the request
    when an `idempotency_key` is repeated. `tokens` are compared with the token caps. `estimate` is
    the usage that the amounts come from, if one was sent. With `min_amounts` or
    `min_output_tokens` a part is granted if the whole does not fit, and never less than these.
    """

    tenant_id: str
    subjects: tuple[Subject, ...]
    amounts: Mapping[str, Amount]
    ttl_seconds: int
    fingerprint: str
    idempotency_key: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    tokens: TokenCounts | None = None
    estimate: UsageEstimate | None = None
    min_amounts: Mapping[str, Amount] = field(default_factory=dict)
    min_output_tokens: int | None = None
    on_expiry: OnExpiry = "release"

    @property
    def may_shrink(self) -> bool:
        """Whether a part of it is granted if the whole does not fit."""
        return bool(self.min_amounts) or self.min_output_tokens is not None

    @property
    def granted_output(self) -> int | None:
        """The output tokens that are granted with it, where fewer than the whole may be."""
        if self.min_output_tokens is None or self.estimate is None:
            return None
        return self.estimate.usage.output_tokens

    @property
    def least(self) -> "SpendRequest":
        """The smallest part of it that may be granted."""
        if self.min_output_tokens is not None and self.estimate is not None:
            least = max(1, self.min_output_tokens, self.estimate.output_min)
            return self.with_output(min(least, self.estimate.usage.output_tokens))
        amounts = {
            unit: max(
                (
                    amount * least // self.amounts[least_unit]
                    for least_unit, least in self.min_amounts.items()
                    if least
                ),
                default=0,
            )
            for unit, amount in self.amounts.items()
        }
        return replace(self, amounts=amounts)

    def most_output(self, rooms: Sequence[Room], *, at_least: int) -> int | None:
        """Return the most output tokens of its usage that every budget grants."""
        if self.estimate is None:
            return None
        return self.estimate.most_output(rooms, at_least=at_least)

    def with_output(self, output_tokens: int) -> "SpendRequest":
        """Return the request for the same usage with another number of output tokens."""
        assert self.estimate is not None, "a request without usage has no output tokens"
        estimate = self.estimate.with_output(output_tokens)
        return replace(
            self, estimate=estimate, amounts=estimate.amounts(), tokens=tokens_of(estimate.usage)
        )


@dataclass(frozen=True, slots=True)
class Settle:
    """Replaces a hold by the actual cost; a unit that is not named costs its estimate.

    A repeated request has the same `fingerprint`, even if its usage has another price by then.
    `problem` is why its cost is not known: it is raised unless the same request took effect before.
    `metered` is the usage of which the cost is.
    """

    tenant_id: str
    reservation_id: str
    actual: Mapping[str, Amount]
    provenance: Provenance = field(default_factory=Provenance)
    fingerprint: str | None = None
    problem: SpendgateError | None = None
    metered: MeteredUsage | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Returns a hold: nothing was spent."""

    tenant_id: str
    reservation_id: str


@dataclass(frozen=True, slots=True)
class CapturedEntry:
    """One or several calls of a lease: what they were, and the captured totals after them.

    `subjects` are those that the lease does not name itself, such as the session.
    """

    upto: Mapping[str, Amount]
    subjects: tuple[Subject, ...] = ()
    metered: MeteredUsage | None = None
    provenance: Provenance = field(default_factory=Provenance)
    calls: int = 1
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capture:
    """Reports what a lease has spent and given back, as totals since its start.

    A total that is not above the last one changes nothing. The `entries` explain, one after the
    other, what was spent above `since`.
    """

    tenant_id: str
    reservation_id: str
    captured: Mapping[str, Amount]
    returned: Mapping[str, Amount] = field(default_factory=dict)
    since: Mapping[str, Amount] = field(default_factory=dict)
    entries: tuple[CapturedEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Spend that was never reserved; with an `idempotency_key` it counts once.

    It occurred at `occurred_at_ms`, or (None) when it is applied. `problem` is that of `Settle`,
    `notes` are warnings.
    """

    tenant_id: str
    subjects: tuple[Subject, ...]
    actual: Mapping[str, Amount]
    fingerprint: str
    idempotency_key: str | None = None
    provenance: Provenance = field(default_factory=Provenance)
    unpriced: bool = False
    occurred_at_ms: int | None = None
    problem: SpendgateError | None = None
    notes: tuple[str, ...] = ()
    metered: MeteredUsage | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Charge:
    """Counts as spent what a reservation that has expired holds, if it was reserved so."""

    tenant_id: str
    reservation_id: str


type SettlementCommand = Settle | Release | Capture | Charge | Record
"""A command of the settlement queue."""
