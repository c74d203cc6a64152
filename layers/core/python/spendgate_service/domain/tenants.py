"""Tenants and their settings, and the API keys that act for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.prices import Price
from spendgate_service.domain.rates import Rate, UnitRates
from spendgate_service.domain.subjects import AGENT, Subject

type UnpricedModel = Literal["reject", "allow"]
type Role = Literal["operator", "admin", "approver", "caller", "reader"]

TENANT_ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"

ROLES: tuple[Role, ...] = ("operator", "admin", "approver", "caller", "reader")


DEFAULT_MAX_OUTPUT_TOKENS = 4096
"""How many output tokens are held for a request that names no maximum, unless the tenant says."""

PRICES_MAX = 100
RATES_MAX = 100
"""Every spending request reads the tenant's settings. With the maximum of prices and rates they
have about 30 KB, and less than 200 KB with the longest names of four-byte characters."""


BUDGETED_WORDS_MAX = 50
"""How many subject types, and how many units, a tenant's settings remember."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organization, the isolation boundary.

    `rates` are by target unit, then by source unit; `prices` by `provider/model`. `budgeted_types`
    and `budgeted_units` are those of all budgets that it ever had. `fallback_models` are
    `provider/model`, as the tenant names them.
    """

    tenant_id: str
    name: str | None = None
    require_budget: bool = False
    unpriced_model: UnpricedModel = "reject"
    default_max_output_tokens: int = DEFAULT_MAX_OUTPUT_TOKENS
    default_agent: str | None = None
    fallback_models: tuple[str, ...] = ()
    created_at_ms: int = 0
    updated_at_ms: int = 0
    rates: UnitRates = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    budgeted_types: frozenset[str] = frozenset()
    budgeted_units: frozenset[str] = frozenset()

    def spenders(self, named: tuple[Subject, ...]) -> tuple[Subject, ...]:
        """Return the subjects of a request, with the default agent if it names none."""
        if self.default_agent is None or any(subject.type == AGENT for subject in named):
            return named
        return (*named, Subject(AGENT, self.default_agent))

    def knows_budget(self, subject_type: str, unit: str) -> bool:
        """Whether a budget with this type and this unit adds nothing to what is remembered."""
        return all(
            word in words or len(words) >= BUDGETED_WORDS_MAX
            for word, words in (
                (subject_type, self.budgeted_types),
                (unit, self.budgeted_units),
            )
        )

    @property
    def is_known(self) -> bool:
        """Whether the tenant was created; without that it has the default settings."""
        return self.created_at_ms > 0

    def rate(self, source: str, target: str) -> Rate | None:
        """Return the rate from one unit to another, if the tenant has one."""
        return self.rates.get(target, {}).get(source)

    def with_rate(self, rate: Rate) -> "Tenant":
        """Return the tenant with this rate instead of an older one. Raises InvalidValue."""
        by_source = {**self.rates.get(rate.target, {}), rate.source: rate}
        changed = replace(self, rates={**self.rates, rate.target: by_source})
        if sum(map(len, changed.rates.values())) > RATES_MAX:
            raise InvalidValue(f"a tenant has at most {RATES_MAX} rates; delete one first")
        return changed

    def without_rate(self, source: str, target: str) -> "Tenant":
        """Return the tenant without this rate."""
        by_source = {
            unit: rate for unit, rate in self.rates.get(target, {}).items() if unit != source
        }
        return replace(self, rates={**self.rates, target: by_source})

    def with_price(self, price: Price) -> "Tenant":
        """Return the tenant with this price instead of an older one. Raises InvalidValue."""
        changed = replace(self, prices={**self.prices, price.key: price})
        if len(changed.prices) > PRICES_MAX:
            raise InvalidValue(f"a tenant has at most {PRICES_MAX} own prices; delete one first")
        return changed

    def without_price(self, key: str) -> "Tenant":
        """Return the tenant without this price."""
        kept = {name: price for name, price in self.prices.items() if name != key}
        return replace(self, prices=kept)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential of a tenant or the operator; the secret itself is not stored.

    `subjects` (ids by type) are part of every request that spends with the key. The key is valid
    before `expires_at_ms`; None means that it does not expire. An approver's key approves at most
    `max_amount` at once, in the unit of the budget; None means any amount.
    """

    key_id: str
    tenant_id: str
    role: Role
    name: str | None
    created_at_ms: int
    subjects: Mapping[str, str] = field(default_factory=dict)
    expires_at_ms: int | None = None
    max_amount: Amount | None = None
