"""Each operation by hand, its bounds, and the exactness of amounts and rates."""

from datetime import date
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.derivation import Line, Operation, Term, evaluate
from credit.errors import OutOfRange
from credit.money import fen, ppm, ppm_rounded_up, shown_en, shown_zh
from credit.period import months_after
from credit.worksheet import Worksheet
from tests.credit.financing import POLICY

BY_HAND = [
    (Operation.GIVEN, [7], 7),
    (Operation.SUM, [], 0),
    (Operation.SUM, [1, 2, 3], 6),
    (Operation.DIFFERENCE, [10, 3, 4], 3),
    (Operation.DIFFERENCE, [10, 11], 0),
    (Operation.LEAST, [3, 2], 2),
    (Operation.GREATEST, [3, 2], 3),
    (Operation.SHARE, [101, 500_000], 50),
    (Operation.SHARE, [1000, 500_000, 500_000], 250),
    (Operation.SHARE_UP, [101, 500_000], 51),
    (Operation.SHARE_UP, [31_000, 400_000, 1_000_000], 12_400),
    (Operation.RATIO, [2, 3], 666_666),
    (Operation.RATIO_UP, [2, 3], 666_667),
    (Operation.STEP_DOWN, [199, 100], 100),
    (Operation.STEP_UP, [101, 100], 200),
    (Operation.STEP_UP, [200, 100], 200),
    (Operation.PER_YEAR, [365, 46], 46),
    (Operation.PER_YEAR, [100, 1], 1),
    (Operation.PRORATED, [100, 1, 3], 33),
    (Operation.SLOPE, [850_000, 600_000, 20_000, 80_000], 787_500),
    (Operation.SLOPE, [850_000, 600_000, 90_000, 80_000], 600_000),
    (Operation.SLOPE, [850_000, 600_000, 0, 80_000], 850_000),
    (Operation.SLOPE, [10, 0, 1, 3], 6),
]


@pytest.mark.parametrize(("operation", "values", "result"), BY_HAND)
def test_an_operation_comes_out_as_by_hand(operation: Operation, values: list[int], result: int) -> None:
    assert evaluate(operation, values) == result


def test_every_operation_is_worked_out_by_hand_once() -> None:
    assert {operation for operation, _, _ in BY_HAND} == set(Operation)


@pytest.mark.parametrize(
    ("operation", "values"),
    [
        (Operation.GIVEN, [1, 2]),
        (Operation.SHARE, [1]),
        (Operation.RATIO, [1, 2, 3]),
        (Operation.SLOPE, [1, 2, 3]),
        (Operation.LEAST, []),
        (Operation.RATIO, [1, 0]),
        (Operation.RATIO_UP, [1, -1]),
        (Operation.STEP_DOWN, [1, 0]),
        (Operation.STEP_UP, [1, 0]),
        (Operation.PRORATED, [1, 1, 0]),
        (Operation.SLOPE, [1, 0, 1, 0]),
    ],
)
def test_inputs_that_mean_nothing_are_refused(operation: Operation, values: list[int]) -> None:
    with pytest.raises(OutOfRange):
        evaluate(operation, values)


@given(amount=st.integers(0, 10**15), rates=st.lists(st.integers(0, 10**6), min_size=1, max_size=3))
def test_a_share_is_exact_and_rounded_once(amount: int, rates: list[int]) -> None:
    exact = Fraction(amount)
    for rate in rates:
        exact *= Fraction(rate, 10**6)
    down, up = evaluate(Operation.SHARE, [amount, *rates]), evaluate(Operation.SHARE_UP, [amount, *rates])
    assert down <= exact <= up
    assert up - down == (exact.denominator != 1)


@given(one=st.floats(0, 1), other=st.floats(0, 1))
def test_a_measured_ratio_is_rounded_up_and_keeps_its_order(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert ppm_rounded_up(low) <= ppm_rounded_up(high)
    assert 0 <= ppm_rounded_up(one) - Fraction(repr(one)) * 10**6 < 1


def test_formulas_are_said_in_words() -> None:
    amount, rate = Term("a", 1000, "fen", "金额", "amount"), Term("r", 500_000, "ppm", "比例", "rate")
    line = Line("s", "份额", "share", Operation.SHARE, (amount, rate), 500, "fen", "s", "example")
    assert line.formula_zh == "“金额” × “比例”，向下取整"
    assert line.formula_en == "“amount” × “rate”, rounded down"
    assert (line.shown_zh, line.shown_en) == ("5.00元", "CNY 5.00")


@pytest.mark.parametrize("amount", [0.001, "1.234", "x", float("nan"), "Infinity", "1e400000", "1e99999", "１２", ""])
def test_an_amount_that_is_no_fen_is_refused(amount: float | str) -> None:
    with pytest.raises(OutOfRange):
        fen(amount)


def test_amounts_and_ratios_are_exact() -> None:
    assert fen(9_999_999_999.99) == 999_999_999_999
    assert fen(Decimal("-0.01")) == -1
    assert ppm("0.1") == 100_000
    with pytest.raises(OutOfRange, match="six decimals"):
        ppm(1 / 3)
    with pytest.raises(OutOfRange, match="finite"):
        ppm_rounded_up(float("nan"))


def test_no_ambient_precision_moves_a_figure() -> None:
    with localcontext(Context(prec=2)):
        assert (fen(123_456.78), ppm(0.123456), ppm_rounded_up(0.1234567)) == (12_345_678, 123_456, 123_457)
        assert shown_en(123_456, "ppm") == "12.3456%"


def test_values_are_shown_whole() -> None:
    assert shown_en(-5, "fen") == "CNY -0.05"
    assert (shown_zh(6, "months"), shown_en(6, "months"), shown_en(1, "months")) == ("6个月", "6 months", "1 month")
    assert (shown_zh(1, "ppm"), shown_zh(1_000_000, "ppm")) == ("0.0001%", "100%")


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 8, 31), 12, date(2027, 8, 31)),
        (date(2026, 12, 15), 6, date(2027, 6, 15)),
    ],
)
def test_months_later_is_the_same_day_or_the_months_last(day: date, months: int, later: date) -> None:
    assert months_after(day, months) == later


def test_a_sheet_never_holds_two_values_of_one_figure() -> None:
    sheet = Worksheet(POLICY)
    first = sheet.given("request.amount", 5, "fen", "application")
    assert sheet.given("request.amount", 5, "fen", "application") is not None
    assert sheet.lines == (first,)
    with pytest.raises(ValueError, match="worked out twice"):
        sheet.given("request.amount", 6, "fen", "application")
