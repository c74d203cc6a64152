"""What callers ask for, as the rules see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spendgate.domain.amounts import Amount
from spendgate.domain.reservations import Provenance
from spendgate.domain.subjects import Subject

CLAIMS_MAX = 40
"""How many budgets may apply to one request: settling it must fit one transaction of 100 writes."""


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """A wish to spend: what a check asks about and a reservation holds.

    `subjects` include the organization and the calling key. `fingerprint` tells whether a repeated
    `idempotency_key` comes with the same request.
    """

    tenant_id: str
    subjects: tuple[Subject, ...]
    amounts: Mapping[str, Amount]
    ttl_seconds: int
    fingerprint: str
    idempotency_key: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settle:
    """Replace a hold by the actual cost; a unit that is not named costs its estimate."""

    tenant_id: str
    reservation_id: str
    actual: Mapping[str, Amount]
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, slots=True)
class Release:
    """Give a hold back: nothing was spent."""

    tenant_id: str
    reservation_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """Spend that was never reserved; `idempotency_key` makes it count once, however it is sent."""

    tenant_id: str
    subjects: tuple[Subject, ...]
    actual: Mapping[str, Amount]
    fingerprint: str
    idempotency_key: str | None = None
    provenance: Provenance = field(default_factory=Provenance)


type SettlementCommand = Settle | Release | Record
"""What the settlement queue carries."""
