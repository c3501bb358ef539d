"""How are amounts and rates held, so that a decision comes out the same to the last fen? As integers: fen, and millionths (ppm).

What goes to the borrower is rounded down, what is asked of the borrower or counted against it is rounded up; nothing is rounded twice.
"""

import re
from decimal import Decimal
from fractions import Fraction
from math import ceil, isfinite

from credit.errors import OutOfRange

PPM = 1_000_000
"""One whole, in millionths: a rate of 5 % is 50,000."""

FEN_PER_CNY = 100


def fen(cny: float | int | str | Decimal) -> int:
    """Return an amount in yuan as fen, exactly; raise `OutOfRange` where it is no amount of whole fen.

    Examples
    --------
    >>> fen("1234.56"), fen(0.1)
    (123456, 10)
    """
    return _whole(cny, FEN_PER_CNY, "an amount must be whole fen, at most two decimals of a yuan")


def ppm(ratio: float | int | str | Decimal) -> int:
    """Return a ratio as millionths, exactly; raise `OutOfRange` where it has more than six decimals.

    Examples
    --------
    >>> ppm(0.85), ppm("0.000001")
    (850000, 1)
    """
    return _whole(ratio, PPM, "a ratio must have at most six decimals")


def ppm_rounded_up(ratio: float) -> int:
    """Return a measured ratio, such as a PD, as millionths rounded up; a larger ratio never gives fewer.

    The shortest decimal that reads back as the float is what is rounded, so a PD on a bound of six decimals stays on it.

    Examples
    --------
    >>> ppm_rounded_up(0.08), ppm_rounded_up(0.08000001), ppm_rounded_up(1 / 3)
    (80000, 80001, 333334)
    """
    if not isfinite(ratio):
        raise OutOfRange(f"a ratio must be a finite number, found {ratio}")
    return ceil(Fraction(repr(float(ratio))) * PPM)


def divided_up(dividend: int, divisor: int) -> int:
    """Return the quotient of whole numbers, rounded up; the divisor is above 0."""
    return -(-dividend // divisor)


def shown_zh(value: int, unit: str) -> str:
    """Return a value in its unit as a Chinese reader expects it, nothing rounded away.

    Examples
    --------
    >>> shown_zh(123456789, "fen"), shown_zh(52500, "ppm"), shown_zh(30, "days")
    ('1,234,567.89元', '5.25%', '30天')
    """
    if unit == "fen":
        return f"{_yuan(value)}元"
    return _percent(value) if unit == "ppm" else f"{value:,}{_UNITS_ZH.get(unit, unit)}"


def shown_en(value: int, unit: str) -> str:
    """Return a value in its unit as an English reader expects it, nothing rounded away.

    Examples
    --------
    >>> shown_en(123456789, "fen"), shown_en(52500, "ppm"), shown_en(1, "days")
    ('CNY 1,234,567.89', '5.25%', '1 day')
    """
    if unit == "fen":
        return f"CNY {_yuan(value)}"
    return _percent(value) if unit == "ppm" else f"{value:,} {unit.removesuffix('s') if value == 1 else unit}"


_UNITS_ZH = {"days": "天", "months": "个月"}


def _yuan(value: int) -> str:
    return f"{'-' if value < 0 else ''}{abs(value) // FEN_PER_CNY:,}.{abs(value) % FEN_PER_CNY:02d}"


def _percent(value: int) -> str:
    sign, value = "-" if value < 0 else "", abs(value)
    return f"{sign}{value // 10_000}.{value % 10_000:04d}".rstrip("0").rstrip(".") + "%"


def _whole(number: float | int | str | Decimal, parts: int, rule: str) -> int:
    text = repr(number) if isinstance(number, float) else str(number)
    if len(text) > _LONGEST_NUMBER or not _PLAIN_NUMBER.fullmatch(text):
        raise OutOfRange(f"{rule}; found {text[:40]!r}, which is no plain number")
    exact = Fraction(text) * parts
    if exact.denominator != 1:
        raise OutOfRange(f"{rule}; found {text!r}")
    return exact.numerator


_LONGEST_NUMBER = 40
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
