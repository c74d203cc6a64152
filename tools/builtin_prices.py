"""Writes the list of built-in prices from the pinned release of genai-prices."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, Provider, StartDateConstraint

from spendgate_service.pricing.library import find_entry, library_price
from spendgate_service.pricing.listed import PATH, BuiltinModel, Listed, lines_of, packed
from spendgate_service.pricing.names import normalised_name


def builtin_prices() -> str:
    """Return the list, sorted; an id that the table gives to two models is not listed."""
    pairs = {pair for provider in get_snapshot().providers for pair in _of(provider)}
    prices = {line for _, line in pairs}
    times = Counter(line.partition("\t")[0] for line in prices)
    sure = [pair for pair in pairs if times[pair[1].partition("\t")[0]] == 1]
    return "".join(f"{line}\n" for line in sorted({line for pair in sure for line in pair}))


def _of(provider: Provider) -> Iterator[tuple[str, str]]:
    """Yield the lines of a provider's models, and of those that it sells for others."""
    for model in _names_at(provider):
        found = find_entry(provider.id, model)
        seconds = _changes(found[1]) if found else None
        if found is None or seconds is None:
            continue
        prices = [(second, library_price(provider.id, model, second=second)) for second in seconds]
        listed = Listed(
            BuiltinModel(found[0].id, found[1].id),
            [(second, price and packed(price)) for second, price in prices],
        )
        yield lines_of(normalised_name(provider.id, model), listed)


def _names_at(provider: Provider) -> set[str]:
    owners = {provider.id, *(provider.fallback_model_providers or ())}
    return {
        name
        for owner in get_snapshot().providers
        if owner.id in owners
        for model in owner.models
        for name in (model.id, *_exact(model.match))
    }


def _exact(clause: object) -> Iterator[str]:
    """Yield the names that a clause matches as they are."""
    if isinstance(clause, ClauseEquals):
        yield clause.equals
    for alternative in getattr(clause, "or_", ()):
        yield from _exact(alternative)


def _changes(model: ModelInfo) -> list[int] | None:
    """Return the seconds at which prices of a model change; None if it depends on the hour."""
    conditional = model.prices if isinstance(model.prices, list) else []
    constraints = [part.constraint for part in (*conditional, *(model.price_variants or ()))]
    dates = [known for known in constraints if known is not None]
    if not all(isinstance(known, StartDateConstraint) for known in dates):
        return None
    return sorted({0, *(_midnight(known) for known in dates)})


def _midnight(constraint: StartDateConstraint) -> int:
    return int(datetime.combine(constraint.start_date, time(), UTC).timestamp())


if __name__ == "__main__":
    PATH.write_text(builtin_prices(), encoding="utf-8")
