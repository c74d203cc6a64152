"""Conversion rates: how an amount in one unit counts on a budget in another unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.errors import UnknownRate


@dataclass(frozen=True, slots=True)
class Rate:
    """One of `source` is worth `rate` of `target`, as of `updated_at_ms`.

    A rate older than its maximum age must not be used.
    """

    source: str
    target: str
    rate: Amount
    updated_at_ms: int
    max_age_seconds: int | None = None

    def is_too_old(self, *, now_ms: int) -> bool:
        """Whether the rate may no longer be used."""
        if self.max_age_seconds is None:
            return False
        return now_ms >= self.updated_at_ms + self.max_age_seconds * 1000


type UnitRates = Mapping[str, Mapping[str, Rate]]
"""A tenant's rates, by target unit, then by source unit."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion of an amount in `unit` at `rate`.

    It is stored with the reservation, so that the settlement uses the same rate.
    """

    unit: str
    rate: Amount

    def converted(self, amount: Amount) -> Amount:
        """Return the amount in the budget's unit, rounded up to the next billionth."""
        return -(-amount * self.rate // ONE)


@dataclass(frozen=True, slots=True)
class Origin:
    """An amount as it was named, in another unit than the budget's, and the rate it counts at."""

    amount: Amount
    unit: str
    rate: Amount

    @property
    def converted(self) -> Amount:
        """The amount in the budget's unit."""
        return Conversion(self.unit, self.rate).converted(self.amount)


def conversions_of(
    unit: str, amounts: Mapping[str, Amount], rates: Mapping[str, Rate], *, now_ms: int
) -> tuple[Conversion, ...]:
    """Return the conversions for a budget in a unit, the one with the largest amount first.

    None are needed for an amount above 0 in that unit. Raises UnknownRate if the unit is not named
    and the only rates are too old.
    """
    if amounts.get(unit):
        return ()
    conversions = usable_conversions(amounts, rates, now_ms=now_ms)
    named = [rate for source, rate in sorted(rates.items()) if source in amounts]
    if named and not conversions and unit not in amounts:
        raise UnknownRate(source=named[0].source, target=named[0].target)
    return conversions


def usable_conversions(
    amounts: Mapping[str, Amount], rates: Mapping[str, Rate], *, now_ms: int
) -> tuple[Conversion, ...]:
    """Return the conversions at rates in use, the one with the largest amount first."""
    conversions = [
        Conversion(rate.source, rate.rate)
        for unit, rate in sorted(rates.items())
        if unit in amounts and not rate.is_too_old(now_ms=now_ms)
    ]
    conversions.sort(
        key=lambda conversion: conversion.converted(amounts[conversion.unit]), reverse=True
    )
    return tuple(conversions)


def counted_in(
    unit: str, amounts: Mapping[str, Amount], conversions: Iterable[Conversion]
) -> Amount:
    """Return what amounts count on a budget in a unit, by `origin_of`; 0 if they do not."""
    origin = origin_of(unit, amounts, conversions)
    return amounts.get(unit, 0) if origin is None else origin.converted


def origin_of(
    unit: str, amounts: Mapping[str, Amount], conversions: Iterable[Conversion]
) -> Origin | None:
    """Return the amount that counts on a budget by conversion; None if its own unit counts.

    An amount above 0 in the budget's own unit counts as it is. Otherwise the largest converted
    amount counts.
    """
    if amounts.get(unit):
        return None
    origins = [
        Origin(amounts[conversion.unit], conversion.unit, conversion.rate)
        for conversion in conversions
        if conversion.unit in amounts
    ]
    largest = max(origins, key=lambda origin: origin.converted, default=None)
    is_nothing = largest is None or (unit in amounts and not largest.converted)
    return None if is_nothing else largest
