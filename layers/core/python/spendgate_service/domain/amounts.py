"""Amounts: exact decimals with up to 9 fractional digits, kept as whole billionths.

An `Amount` of 1 is 0.000000001 of its unit. Integers never round, never overflow and need no
arithmetic context; a binary float is never an amount.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation

type Amount = int

FRACTION_DIGITS_MAX = 9
INTEGER_DIGITS_MAX = 18
ONE: Amount = 10**FRACTION_DIGITS_MAX
AMOUNT_MAX: Amount = 10 ** (INTEGER_DIGITS_MAX + FRACTION_DIGITS_MAX) - 1

_TEXT_LENGTH_MAX = 64
_EXACT = Context(prec=120)
_BILLIONTH = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)


def parse_amount(value: str | int | Decimal) -> Amount:
    """Parse an amount exactly.

    Raises ValueError, with a message for the caller, for anything but a finite decimal with at most
    18 digits before the point and 9 after it. Zero and negative amounts are parsed as well: the
    field's rule decides whether they are allowed.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError('an amount is a decimal number, such as 0.05 or "0.05"')
    if isinstance(value, str):
        value = _decimal_of(value)
    amount = value * ONE if isinstance(value, int) else _whole_billionths(value)
    if abs(amount) > AMOUNT_MAX:
        raise ValueError(f"an amount has at most {INTEGER_DIGITS_MAX} digits before the point")
    return amount


def parse_spent_amount(value: str | int | Decimal) -> Amount:
    """Read an amount of spending, rounding a tail of fractional digits up to the next billionth.

    A report of money that is spent already is never refused for its form. Raises ValueError as
    `parse_amount` does, but for the fractional digits.
    """
    return spent_amount(parse_exact(value))


def spent_amount(value: Decimal) -> Amount:
    """Round an amount of spending up to the next billionth. Raises ValueError as `parse_amount`."""
    rounded = value.quantize(_BILLIONTH, ROUND_CEILING, _EXACT)
    return parse_amount(rounded or Decimal(0))


def parse_exact(value: str | int | Decimal) -> Decimal:
    """Read an amount of spending as it was written, to add up amounts before they are rounded.

    Raises ValueError as `parse_spent_amount` does.
    """
    if isinstance(value, str):
        value = _decimal_of(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return Decimal(parse_amount(value)).scaleb(-FRACTION_DIGITS_MAX, _EXACT)
    if value.adjusted() >= INTEGER_DIGITS_MAX:
        raise ValueError(f"an amount has at most {INTEGER_DIGITS_MAX} digits before the point")
    return value


def added(totals: Mapping[str, Decimal], more: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Add up amounts by unit, exactly."""
    return {
        unit: _EXACT.add(totals.get(unit, Decimal(0)), more.get(unit, Decimal(0)))
        for unit in {**totals, **more}
    }


def covers(totals: Mapping[str, Amount], others: Mapping[str, Amount]) -> bool:
    """Tell whether totals are at least as large as others in every unit."""
    return all(totals.get(unit, 0) >= amount for unit, amount in others.items())


def largest(totals: Mapping[str, Amount], others: Mapping[str, Amount]) -> dict[str, Amount]:
    """Return the larger total of each unit; another total of 0 says nothing."""
    larger = {unit: amount for unit, amount in others.items() if amount > totals.get(unit, 0)}
    return {**totals, **larger}


def _decimal_of(text: str) -> Decimal:
    if len(text) > _TEXT_LENGTH_MAX or not text.isascii() or "_" in text or text != text.strip():
        raise ValueError('an amount is a plain decimal number, such as "0.05"')
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError('an amount is a plain decimal number, such as "0.05"') from None


def _whole_billionths(value: Decimal) -> Amount:
    if not value.is_finite():
        raise ValueError("an amount is a finite number")
    if not value:
        return 0
    if value.adjusted() >= INTEGER_DIGITS_MAX:
        raise ValueError(f"an amount has at most {INTEGER_DIGITS_MAX} digits before the point")
    if len(value.as_tuple().digits) > _TEXT_LENGTH_MAX or value.adjusted() < -FRACTION_DIGITS_MAX:
        raise ValueError(f"an amount has at most {FRACTION_DIGITS_MAX} fractional digits")
    billionths = _EXACT.scaleb(value, FRACTION_DIGITS_MAX)
    if billionths != billionths.to_integral_value():
        raise ValueError(f"an amount has at most {FRACTION_DIGITS_MAX} fractional digits")
    return int(billionths)


def amount_text(amount: Amount) -> str:
    """Format an amount in plain notation without trailing zeros: `0.0125`, `10`, `-3`."""
    whole, fraction = divmod(abs(amount), ONE)
    sign = "-" if amount < 0 else ""
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:09d}".rstrip("0")


def amount_rounded_up(value: Decimal) -> Amount:
    """Return the smallest amount that is not below a computed value: tokens times a price."""
    return int(_EXACT.scaleb(value, FRACTION_DIGITS_MAX).to_integral_value(ROUND_CEILING, _EXACT))


def tenths_of_percent(part: Amount, whole: Amount) -> int:
    """Return `part` in tenths of a percent of `whole`, rounded down; 1000 if `whole` is 0."""
    return part * 1000 // whole if whole > 0 else 1000
