"""What a request asks for or reports, with its usage priced as its tenant wants it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from spendgate.domain.amounts import Amount
from spendgate.domain.tenants import UnpricedModel
from spendgate.pricing.usage import PricedAmounts
from spendgate.store.rules import RuleBook

_UNPRICED = "no price is known for this model: its usage counts in tokens only"


class Priceable(Protocol):
    """A body that may name usage."""

    @property
    def has_usage(self) -> bool:
        """Whether there is anything to price."""
        ...

    def priced(self, *, now_ms: int, unpriced_model: UnpricedModel = "reject") -> PricedAmounts:
        """The amounts, usage included. Raises UnknownPrice."""
        ...


@dataclass(frozen=True, slots=True)
class Priced:
    """Amounts, and what the caller should be warned of."""

    amounts: Mapping[str, Amount]
    notes: tuple[str, ...]


def priced_amounts(body: Priceable, rule_book: RuleBook, tenant_id: str, now_ms: int) -> Priced:
    """Price a body. Raises UnknownPrice if the tenant rejects models without a price."""
    policy: UnpricedModel = "reject"
    if body.has_usage:
        policy = rule_book.tenant(tenant_id).unpriced_model
    priced = body.priced(now_ms=now_ms, unpriced_model=policy)
    return Priced(priced.amounts, (_UNPRICED,) if priced.unpriced else ())
