"""What callers ask for, as the rules see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Claim
from spendgate_service.domain.caps import TokenCounts
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject

CLAIMS_MAX = 24
"""How many budgets may apply to one request.

Settling it must fit one transaction of 100 writes, two for each budget, even if the actual cost
names units that were not reserved and as many budgets again apply to those.
"""


def claims_fit_one_transaction(claims: Sequence[Claim]) -> None:
    """Raises InvalidValue where more budgets apply to a request than can be settled at once."""
    if len(claims) > CLAIMS_MAX:
        raise InvalidValue(
            f"{len(claims)} budgets apply to this request and at most {CLAIMS_MAX} may; "
            "name fewer subjects or units",
            param="body.subjects",
        )


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """A wish to spend: what a check asks about and a reservation holds.

    `subjects` include the organization and the calling key. `fingerprint` tells whether a repeated
    `idempotency_key` comes with the same request. `tokens` are held against the token caps.
    """

    tenant_id: str
    subjects: tuple[Subject, ...]
    amounts: Mapping[str, Amount]
    ttl_seconds: int
    fingerprint: str
    idempotency_key: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    tokens: TokenCounts | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Replace a hold by the actual cost; a unit that is not named costs its estimate.

    The same request again has the same `fingerprint`, also if its usage has another price by then.
    """

    tenant_id: str
    reservation_id: str
    actual: Mapping[str, Amount]
    provenance: Provenance = field(default_factory=Provenance)
    fingerprint: str | None = None


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
    unpriced: bool = False


type SettlementCommand = Settle | Release | Record
"""What the settlement queue carries."""
