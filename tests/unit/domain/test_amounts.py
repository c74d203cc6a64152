"""Amounts: exact decimals in, whole billionths kept, plain text out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.domain.amounts import (
    AMOUNT_MAX,
    ONE,
    amount_rounded_up,
    amount_text,
    parse_amount,
    parse_spent_amount,
    tenths_of_percent,
)


@pytest.mark.parametrize(
    ("written", "billionths"),
    [
        ("0.05", 50_000_000),
        ("10", 10 * ONE),
        ("-3", -3 * ONE),
        ("0", 0),
        ("-0", 0),
        ("0e-100", 0),
        ("0.000000001", 1),
        ("1e-9", 1),
        ("1.5E3", 1500 * ONE),
        ("1.0000000000000", ONE),
        (".5", ONE // 2),
        ("+2", 2 * ONE),
        (7, 7 * ONE),
        (Decimal("0.1"), 100_000_000),
        ("999999999999999999.999999999", AMOUNT_MAX),
        ("-999999999999999999.999999999", -AMOUNT_MAX),
    ],
)
def test_an_amount_is_read_exactly_as_it_was_written(
    written: str | int | Decimal, billionths: int
) -> None:
    assert parse_amount(written) == billionths


@pytest.mark.parametrize(
    "written",
    [
        "1e400", "1e18", "1E+1000000000", "1000000000000000000", 10**18, -(10**18), 10**400,
        Decimal("1e400"), Decimal("1e18"),
    ],
)  # fmt: skip
def test_more_than_18_digits_before_the_point_are_refused(written: str | int | Decimal) -> None:
    with pytest.raises(ValueError, match="18 digits before the point"):
        parse_amount(written)


@pytest.mark.parametrize(
    "written",
    ["0.0000000001", "1.0000000001", "1e-10", "1e-400", "123456789.1234567891", Decimal("1e-10")],
)
def test_more_than_9_fractional_digits_are_refused_and_never_rounded(
    written: str | Decimal,
) -> None:
    with pytest.raises(ValueError, match="9 fractional digits"):
        parse_amount(written)


@pytest.mark.parametrize(
    "written",
    ["", " ", "1 ", " 1", "1,5", "1_000", "0x10", "one", "--1", "1.2.3", "\u0661", "1\n", "9" * 65],
)
def test_what_is_no_plain_decimal_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="plain decimal number"):
        parse_amount(written)


@pytest.mark.parametrize("written", ["NaN", "sNaN", "Infinity", "-inf", Decimal("NaN")])
def test_what_is_not_finite_is_refused(written: str | Decimal) -> None:
    with pytest.raises(ValueError, match="finite"):
        parse_amount(written)


@pytest.mark.parametrize("value", [0.5, True, False, None, b"1", [1]])
def test_a_binary_float_or_anything_else_is_never_an_amount(value: object) -> None:
    with pytest.raises(ValueError, match="decimal number"):
        parse_amount(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("billionths", "text"),
    [
        (0, "0"),
        (ONE, "1"),
        (10 * ONE, "10"),
        (-3 * ONE, "-3"),
        (12_500_000, "0.0125"),
        (-1, "-0.000000001"),
        (-(ONE + ONE // 2), "-1.5"),
        (AMOUNT_MAX, "999999999999999999.999999999"),
    ],
)
def test_an_amount_is_written_plainly_without_trailing_zeros(billionths: int, text: str) -> None:
    assert amount_text(billionths) == text


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX))
def test_every_amount_survives_its_text(amount: int) -> None:
    assert parse_amount(amount_text(amount)) == amount


@given(st.decimals("-1e17", "1e17", places=9))
def test_every_decimal_of_9_places_is_read_as_it_is(value: Decimal) -> None:
    assert Decimal(parse_amount(value)) == value * ONE
    assert parse_amount(str(value)) == parse_amount(value)


@pytest.mark.parametrize(
    ("value", "billionths"),
    [("0.0000000001", 1), ("1", ONE), ("0.0000000010", 1), ("0.00000000100000000001", 2)],
)
def test_a_computed_price_is_rounded_up(value: str, billionths: int) -> None:
    assert amount_rounded_up(Decimal(value)) == billionths


@given(st.decimals(0, "1e9", places=15))
def test_rounding_up_adds_less_than_a_billionth(value: Decimal) -> None:
    assert 0 <= Decimal(amount_rounded_up(value)) - value * ONE < 1


def test_a_share_is_rounded_down_to_tenths_of_a_per_cent() -> None:
    assert tenths_of_percent(7_999_999_999, 10 * ONE) == 799
    assert tenths_of_percent(8 * ONE, 10 * ONE) == 800
    assert tenths_of_percent(25, 10) == 2500


def test_of_nothing_every_share_is_all() -> None:
    assert tenths_of_percent(0, 0) == 1000
    assert tenths_of_percent(5, -1) == 1000


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("0.0016150000000000001", 1_615_001),
        ("0.30000000000000004", 300_000_001),
        ("0.000008333333333333333", 8_334),
        ("1e-10", 1),
        ("3.0000000001", 3_000_000_001),
        ("5", 5 * ONE),
        ("0", 0),
        ("0." + "0" * 40, 0),
        ("999999999999999999.999999999", AMOUNT_MAX),
    ],
)
def test_a_tail_of_spent_money_is_rounded_up_against_the_spender(written: str, amount: int) -> None:
    assert parse_spent_amount(written) == parse_spent_amount(Decimal(written)) == amount


@pytest.mark.parametrize("written", ["999999999999999999.9999999991", "1e18", "nan", "1e400", "x"])
def test_an_amount_of_spent_money_keeps_the_other_bounds(written: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_spent_amount(written)
