"""How does each figure of a decision come about? One line per figure, worked out by one of a closed set of operations on whole numbers.

A line's value is made by its operation from its inputs, nowhere else, so that a reader with a pencil, the desk and a replay all come to it.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from credit.errors import OutOfRange
from credit.money import PPM, divided_up, shown_en, shown_zh


class Operation(StrEnum):
    """What is done with the inputs of a line; amounts in fen, rates in ppm (millionths)."""

    GIVEN = "given"
    SUM = "sum"
    DIFFERENCE = "difference"
    LEAST = "least"
    GREATEST = "greatest"
    SHARE = "share"
    SHARE_UP = "share_up"
    RATIO = "ratio"
    RATIO_UP = "ratio_up"
    STEP_DOWN = "step_down"
    STEP_UP = "step_up"
    PER_YEAR = "per_year"
    PRORATED = "prorated"
    SLOPE = "slope"


@dataclass(frozen=True, slots=True)
class Term:
    """A named whole number: its code, value, unit (fen, ppm, days, ...) and names in Chinese and English."""

    code: str
    value: int
    unit: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what it is, the operation and inputs it comes from, its value and unit, and the rule and source that say so."""

    code: str
    zh: str
    en: str
    operation: Operation
    inputs: tuple[Term, ...]
    value: int
    unit: str
    rule: str
    source: str

    @property
    def term(self) -> Term:
        """This line's value as an input of a later line."""
        return Term(self.code, self.value, self.unit, self.zh, self.en)

    @property
    def formula_zh(self) -> str:
        """The formula in Chinese words."""
        return _in_words(_WAYS[self.operation].zh, [term.zh for term in self.inputs])

    @property
    def formula_en(self) -> str:
        """The formula in English words."""
        return _in_words(_WAYS[self.operation].en, [term.en for term in self.inputs])

    @property
    def shown_zh(self) -> str:
        """The value as a Chinese reader expects it."""
        return shown_zh(self.value, self.unit)

    @property
    def shown_en(self) -> str:
        """The value as an English reader expects it."""
        return shown_en(self.value, self.unit)


def reproduce(line: Line) -> int:
    """Return the value of a line worked out again from its operation and inputs alone.

    Examples
    --------
    >>> amount, rate = Term("a", 1000, "fen", "金额", "amount"), Term("r", 333_333, "ppm", "比例", "rate")
    >>> reproduce(Line("s", "份额", "share", Operation.SHARE, (amount, rate), 333, "fen", "s", "example"))
    333
    """
    return evaluate(line.operation, [term.value for term in line.inputs])


def evaluate(operation: Operation, values: Sequence[int]) -> int:
    """Return the result of an operation; raise `OutOfRange` where inputs are too few or too many, or a divisor is not above 0."""
    way = _WAYS[operation]
    if not way.least <= len(values) <= (way.most or len(values)):
        raise OutOfRange(f"{operation} takes {way.least} to {way.most or 'any number of'} inputs, found {len(values)}")
    return way.work(values)


def _above_zero(divisor: int) -> int:
    if divisor <= 0:
        raise OutOfRange(f"a divisor must be above 0, found {divisor}")
    return divisor


def _slope(values: Sequence[int]) -> int:
    top, bottom, at, end = values
    return top - divided_up((top - bottom) * min(at, end), _above_zero(end))


def _share(values: Sequence[int]) -> tuple[int, int]:
    """Return an amount times rates, and what it is to be divided by."""
    return math.prod(values), math.prod([PPM] * (len(values) - 1))


def _in_words(template: str, names: Sequence[str]) -> str:
    quoted = [f"“{name}”" for name in names]
    times, comma = " × ".join(quoted[1:]), ", ".join(quoted[1:])
    return template.format(*quoted, list=", ".join(quoted) or "0", plus=" + ".join(quoted) or "0", times=times, others=comma)


@dataclass(frozen=True, slots=True)
class _Way:
    """How an operation is worked out, how many inputs it takes (``most`` 0: any number), and how it is said."""

    least: int
    most: int
    work: Callable[[Sequence[int]], int]
    zh: str
    en: str


_WAYS = {
    Operation.GIVEN: _Way(1, 1, lambda v: v[0], "取自{0}", "as given: {0}"),
    Operation.SUM: _Way(0, 0, sum, "{plus}", "{plus}"),
    Operation.DIFFERENCE: _Way(
        1, 0, lambda v: max(v[0] - sum(v[1:]), 0), "{0} 减去 {others}，不低于零", "{0} less {others}, not below zero"
    ),
    Operation.LEAST: _Way(1, 0, min, "取最小：{list}", "the least of {list}"),
    Operation.GREATEST: _Way(1, 0, max, "取最大：{list}", "the greatest of {list}"),
    Operation.SHARE: _Way(2, 0, lambda v: operator.floordiv(*_share(v)), "{0} × {times}，向下取整", "{0} × {times}, rounded down"),
    Operation.SHARE_UP: _Way(2, 0, lambda v: divided_up(*_share(v)), "{0} × {times}，向上取整", "{0} × {times}, rounded up"),
    Operation.RATIO: _Way(2, 2, lambda v: v[0] * PPM // _above_zero(v[1]), "{0} ÷ {1}，向下取整", "{0} ÷ {1}, rounded down"),
    Operation.RATIO_UP: _Way(2, 2, lambda v: divided_up(v[0] * PPM, _above_zero(v[1])), "{0} ÷ {1}，向上取整", "{0} ÷ {1}, rounded up"),
    Operation.STEP_DOWN: _Way(
        2, 2, lambda v: v[0] // _above_zero(v[1]) * v[1], "{0}，向下取整到 {1} 的整数倍", "{0}, rounded down to a multiple of {1}"
    ),
    Operation.STEP_UP: _Way(
        2, 2, lambda v: divided_up(v[0], _above_zero(v[1])) * v[1], "{0}，向上取整到 {1} 的整数倍", "{0}, rounded up to a multiple of {1}"
    ),
    Operation.PER_YEAR: _Way(2, 2, lambda v: divided_up(v[0] * v[1], 365), "{0} × {1} ÷ 365，向上取整", "{0} × {1} ÷ 365, rounded up"),
    Operation.PRORATED: _Way(
        3, 3, lambda v: v[0] * v[1] // _above_zero(v[2]), "{0} × {1} ÷ {2}，向下取整", "{0} × {1} ÷ {2}, rounded down"
    ),
    Operation.SLOPE: _Way(
        4,
        4,
        _slope,
        "{2} 从 0 升至 {3} 时，由 {0} 直线降至 {1}，向下取整",
        "from {0} in a straight line down to {1} while {2} rises from 0 to {3}, rounded down",
    ),
}
