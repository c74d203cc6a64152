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


def conversions_of(
    amounts: Mapping[str, Amount], rates: Mapping[str, Rate], *, now_ms: int
) -> tuple[Conversion, ...]:
    """Return the conversions for a budget, the one with the largest amount first.

    Raises UnknownRate if the only rates are too old.
    """
    named = [rate for unit, rate in sorted(rates.items()) if unit in amounts]
    usable = [rate for rate in named if not rate.is_too_old(now_ms=now_ms)]
    if named and not usable:
        raise UnknownRate(source=named[0].source, target=named[0].target)
    conversions = [Conversion(rate.source, rate.rate) for rate in usable]
    conversions.sort(
        key=lambda conversion: conversion.converted(amounts[conversion.unit]), reverse=True
    )
    return tuple(conversions)


def most_converted(amounts: Mapping[str, Amount], conversions: Iterable[Conversion]) -> Amount:
    """Return the largest converted amount."""
    return max(conversion.converted(amounts[conversion.unit]) for conversion in conversions)
