"""What a request asks for or reports, with its usage priced as its tenant wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import SpendgateError, UnknownPrice
from spendgate_service.domain.fitting import UsageEstimate
from spendgate_service.domain.model_usage import TOKENS, Usage
from spendgate_service.domain.prices import PRICE_UNIT, Price, cost_of
from spendgate_service.domain.tenants import Tenant
from spendgate_service.domain.usage_records import MeteredUsage
from spendgate_service.pricing.builtin import builtin_price, find_builtin
from spendgate_service.pricing.names import (
    base_of,
    normalised_model,
    normalised_provider,
    subject_name,
)

_UNPRICED = "no price is known for this model: its usage counts in tokens only"


class Priceable(Protocol):
    """A body with amounts, with usage, or with both."""

    def named_amounts(self) -> Mapping[str, Amount]:
        """Return the amounts as they were sent."""
        ...

    def named_usage(self) -> Usage | None:
        """Return the usage as it was sent."""
        ...

    @property
    def leaves_output_open(self) -> bool:
        """Whether the usage names no maximum of what the model may write."""
        ...


class KnowsTenants(Protocol):
    """What pricing uses of `store.policy_cache.PolicyCache`."""

    def tenant(self, tenant_id: str) -> Tenant:
        """Return the tenant's settings."""
        ...


@dataclass(frozen=True, slots=True)
class PricedAmounts:
    """Amounts with those of a usage added.

    `unpriced` if money is missing because no price is known; `price` is what the usage was priced
    by, None where nothing was priced; `usage` is what was priced, a default maximum filled in.
    `problem` is why the cost is not known, for `priced_or_problem`.
    """

    amounts: Mapping[str, Amount]
    unpriced: bool = False
    warnings: tuple[str, ...] = ()
    price: Price | None = None
    usage: Usage | None = None
    problem: SpendgateError | None = None

    def metered(self, usage: Usage | None) -> MeteredUsage | None:
        """Return a usage as the log shows it: under the names that its subject `model` has."""
        if usage is None:
            return None
        return MeteredUsage(
            normalised_provider(usage.provider),
            subject_name(usage.provider, usage.model),
            usage,
            self.price.source if self.price else None,
        )

    def estimate(self, sent: Mapping[str, Amount]) -> UsageEstimate | None:
        """Return what was priced, for a request with these amounts beside its usage."""
        return None if self.usage is None else UsageEstimate(self.usage, self.price, sent)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the caller is warned of."""
        return (*self.warnings, _UNPRICED) if self.unpriced else self.warnings


def priced_amounts(
    body: Priceable, policy_cache: KnowsTenants, tenant_id: str, now_ms: int
) -> PricedAmounts:
    """Price a body by the tenant's own prices, or else by the built-in table.

    A usage that names no maximum of output tokens is priced with the tenant's default, and warns;
    a model that writes nothing needs none. Raises UnknownPrice if the tenant rejects models
    without a price, and InvalidValue.
    """
    usage = body.named_usage()
    if usage is None:
        return PricedAmounts(body.named_amounts())
    tenant = policy_cache.tenant(tenant_id)
    usage, warnings = estimated_usage(body, usage, tenant, now_ms=now_ms)
    priced = with_usage(body.named_amounts(), usage, tenant, now_ms=now_ms)
    return replace(priced, warnings=(*warnings, *priced.warnings), usage=usage)


def estimated_usage(
    body: Priceable, usage: Usage, tenant: Tenant, *, now_ms: int
) -> tuple[Usage, tuple[str, ...]]:
    """Return the usage with the tenant's default of output tokens if it names none; warnings."""
    if not body.leaves_output_open:
        return usage, ()
    price = price_for(tenant, usage.provider, usage.model, now_ms=now_ms)
    if price is not None and not price.has_output:
        return usage, ()
    most = max(tenant.default_max_output_tokens, usage.output_tokens)
    held = f"up to {most} output tokens are held"
    warning = f"usage has no max_output_tokens: {held}"
    return replace(usage, output_tokens=most), (warning,)


def priced_or_problem(
    body: Priceable, policy_cache: KnowsTenants, tenant_id: str, now_ms: int
) -> PricedAmounts:
    """Price a report of spending; a cost that is not known is its `problem`.

    The report may be the repetition of one that was applied: nothing refuses it before that is
    known.
    """
    try:
        return priced_amounts(body, policy_cache, tenant_id, now_ms)
    except SpendgateError as problem:
        return PricedAmounts(amounts={}, problem=problem)


def with_usage(
    amounts: Mapping[str, Amount], usage: Usage, tenant: Tenant, *, now_ms: int
) -> PricedAmounts:
    """The amounts, with the tokens and the price of the usage where they are not given.

    Some prices change by date: `now_ms` is the moment at which the usage occurs. Raises
    UnknownPrice for a model or a kind of token without a price, unless the tenant's
    `unpriced_model` is `allow`, and InvalidValue for a cost beyond all amounts.
    """
    priced = {**amounts, TOKENS: amounts.get(TOKENS, usage.tokens)}
    own = own_price(tenant, usage.provider, usage.model)
    if own is None and PRICE_UNIT in priced:
        return PricedAmounts(priced)
    if own is not None and own.currency in priced:
        return PricedAmounts(priced, price=own)
    try:
        price = own or builtin_price(usage.provider, usage.model, now_ms=now_ms)
        if price is None:
            raise UnknownPrice(provider=usage.provider, model=usage.model)
        cost = cost_of(usage, price)
    except UnknownPrice:
        if tenant.unpriced_model == "reject":
            raise
        return PricedAmounts(priced, unpriced=True)
    return PricedAmounts({price.currency: cost.amount, **priced}, False, cost.warnings, price)


def price_for(tenant: Tenant, provider: str, model: str, *, now_ms: int) -> Price | None:
    """The price that a model's usage is counted at: the tenant's own, or the built-in one.

    Every spelling of a model has the same one, under its normalised names.
    """
    provider, model = normalised_provider(provider), normalised_model(provider, model)
    return own_price(tenant, provider, model) or builtin_price(provider, model, now_ms=now_ms)


def own_price(tenant: Tenant, provider: str, model: str) -> Price | None:
    """The tenant's own price of a model, under every spelling that finds the built-in one.

    The exact name first, then the base of a dated name, an own price before the built-in one at
    each step: a dated model with a built-in price of its own is not counted at the own price of
    its base.
    """
    if not tenant.prices:
        return None
    owner, name = normalised_provider(provider), normalised_model(provider, model)
    if exact := tenant.prices.get(f"{owner}/{name}"):
        return exact
    builtin = find_builtin(owner, name)
    base = base_of(name)
    if base != name:
        if builtin is not None and builtin.model_id == name:
            return None
        if own := tenant.prices.get(f"{owner}/{base}"):
            return own
    if builtin is None:
        return None
    return next(
        (
            price
            for price in tenant.prices.values()
            if base_of(price.model) == price.model
            and find_builtin(price.provider, price.model) == builtin
        ),
        None,
    )
