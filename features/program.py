"""The formulas of a plan as one list of steps over the kernel's aggregates, worked off by compiled code.

Stands between the kernel and the feature matrix. A formula writes itself down once (`Formula.on`); what two formulas have in common is one
step. One row alone and a million together go through the same steps, each of which is exact by IEEE 754, so they come out bit for bit the
same.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.compiled import jit
from features.facts import PARTY_METRICS
from features.network import MEASURES
from features.plan import LastDay, Parties, Plan, Window
from features.versions import NEVER

BLOCK_ROWS: Final = 64
"""Rows worked off at a time: the values of all steps stay within the processor's cache."""

_NUMBER, _TOTAL, _DAY, _DAYS_SINCE, _PARTY, _ELSEWHERE = range(6)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _QUOTIENT, _LARGER, _ROOT, _IS_POSITIVE, _WHERE_KNOWN = range(6, 15)

_METRIC = {metric: place for place, metric in enumerate(PARTY_METRICS)}
_MEASURE = {measure: place for place, measure in enumerate(MEASURES)}


class Aggregated(NamedTuple):
    """What the kernel returns for a run of rows (shapes in `features.kernel.Kernel.aggregate`), and the rows' as-of days.

    Parameters
    ----------
    windows, last, parties, network : arrays (things, rows)
    as_of : int32 array (rows,)
    """

    windows: npt.NDArray[np.int64]
    last: npt.NDArray[np.int32]
    parties: npt.NDArray[np.float64]
    network: npt.NDArray[np.int64]
    as_of: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What a step comes to in each row; arithmetic on it writes further steps."""

    program: "Program"
    place: int

    def __add__(self, other: "Value") -> "Value":
        """Write down a sum."""
        return self.program.step(_ADD, self, other)

    def __sub__(self, other: "Value | float") -> "Value":
        """Write down a difference."""
        return self.program.step(_SUBTRACT, self, other)

    def __mul__(self, other: "Value | float") -> "Value":
        """Write down a product."""
        return self.program.step(_MULTIPLY, self, other)

    def __truediv__(self, other: float) -> "Value":
        """Write down the division by a number above zero."""
        return self.program.step(_DIVIDE, self, other)

    def over(self, den: "Value") -> "Value":
        """Write down the quotient where the denominator is above zero, missing elsewhere."""
        return self.program.step(_QUOTIENT, self, den)

    def at_least(self, other: "Value | float") -> "Value":
        """Write down the larger of two; missing where this one is."""
        return self.program.step(_LARGER, self, other)

    def root(self) -> "Value":
        """Write down the square root of what is not below zero."""
        return self.program.step(_ROOT, self)

    def is_positive(self) -> "Value":
        """Write down 1 where this is above zero, else 0."""
        return self.program.step(_IS_POSITIVE, self)

    def where_known(self, known: "Value") -> "Value":
        """Write down this where another is known, missing elsewhere."""
        return self.program.step(_WHERE_KNOWN, self, known)


class Program:
    """Steps, each once, and which of them are asked for; one per thread, because the values of a run lie in it.

    Parameters
    ----------
    plan : Plan
        Says where each aggregate lies.
    """

    def __init__(self, plan: Plan) -> None:
        """Begin with no step."""
        self._plan = plan
        self._steps: dict[tuple[int, int, int], int] = {}
        self._numbers: dict[str, int] = {}
        self._asked: list[int] = []
        self._laid: tuple[Any, ...] | None = None

    def total(self, window: Window) -> Value:
        """Return a window's sum; whole numbers up to 2^53 are exact."""
        return self._step(_TOTAL, self._plan.window_at[window])

    def day(self) -> Value:
        """Return the as-of day."""
        return self._step(_DAY)

    def days_since(self, kind: str) -> Value:
        """Return the days from the last day of a kind to the as-of day, missing where there is none."""
        return self._step(_DAYS_SINCE, self._plan.last_at[LastDay(kind)])

    def party(self, kind: str, window: int, metric: str) -> Value:
        """Return a measure of a kind's counterparties."""
        return self._step(_PARTY, self._plan.parties_at[Parties(kind, window)] + _METRIC[metric])

    def elsewhere(self, measure: str) -> Value:
        """Return a sum of the buyer network."""
        return self._step(_ELSEWHERE, _MEASURE[measure])

    def missing(self) -> Value:
        """Return what is missing in every row."""
        return self._number(math.nan)

    def step(self, operation: int, left: Value, right: Value | float | None = None) -> Value:
        """Return what an operation makes of a value and another, a number or nothing."""
        if right is None:
            return self._step(operation, left.place)
        return self._step(operation, left.place, (right if isinstance(right, Value) else self._number(right)).place)

    @property
    def width(self) -> int:
        """How many values are asked for."""
        return len(self._asked)

    def ask(self, values: Iterable[Value]) -> None:
        """Ask for values: the columns of what `run` fills, in this order."""
        self._asked += [value.place for value in values]
        self._laid = None

    def run(self, found: Aggregated, out: npt.NDArray[np.float64]) -> None:
        """Fill `out` (rows, values asked for), C-contiguous."""
        if self._laid is None:
            steps = np.array(list(self._steps), dtype=np.int64).reshape(-1, 3)
            room = np.empty((len(steps), BLOCK_ROWS)), np.empty((len(steps), 1))
            numbers = np.array([float.fromhex(number) for number in self._numbers], dtype=np.float64)
            self._laid = steps, numbers, np.array(self._asked, dtype=np.int64), room
        steps, numbers, asked, (for_many, for_one) = self._laid
        _run(steps, numbers, asked, *found, for_one if len(found.as_of) == 1 else for_many, out)

    def _number(self, number: float) -> Value:
        return self._step(_NUMBER, self._numbers.setdefault(float(number).hex(), len(self._numbers)))

    def _step(self, operation: int, left: int = 0, right: int = 0) -> Value:
        return Value(self, self._steps.setdefault((operation, left, right), len(self._steps)))


@jit
def _run(steps, numbers, asked, windows, last, parties, network, as_of, values, out):
    """Work off the steps, a block of rows at a time; `values` (steps, block) is room."""
    for low in range(0, len(as_of), values.shape[1]):
        high = min(low + values.shape[1], len(as_of))
        for at in range(len(steps)):
            operation, left, right, to = steps[at, 0], steps[at, 1], steps[at, 2], values[at]
            if operation < _ADD:
                _read(operation, left, numbers, windows, last, parties, network, as_of, low, high, to)
            elif operation < _QUOTIENT:
                _reckon(operation, values[left], values[right], high - low, to)
            else:
                _choose(operation, values[left], values[right], high - low, to)
        for place in range(len(asked)):
            for row in range(low, high):
                out[row, place] = values[asked[place], row - low]


@jit
def _read(operation, place, numbers, windows, last, parties, network, as_of, low, high, to):
    """Take a number or an aggregate of a block's rows."""
    if operation == _TOTAL:
        for row in range(low, high):
            to[row - low] = windows[place, row]
    elif operation == _PARTY:
        for row in range(low, high):
            to[row - low] = parties[place, row]
    elif operation == _ELSEWHERE:
        for row in range(low, high):
            to[row - low] = network[place, row]
    elif operation == _DAYS_SINCE:
        for row in range(low, high):
            to[row - low] = np.nan if last[place, row] == NEVER else as_of[row] - last[place, row]
    elif operation == _DAY:
        for row in range(low, high):
            to[row - low] = as_of[row]
    else:
        to[: high - low] = numbers[place]


@jit
def _reckon(operation, left, right, rows, to):
    """Add, subtract, multiply or divide in each row of a block."""
    if operation == _ADD:
        for row in range(rows):
            to[row] = left[row] + right[row]
    elif operation == _SUBTRACT:
        for row in range(rows):
            to[row] = left[row] - right[row]
    elif operation == _MULTIPLY:
        for row in range(rows):
            to[row] = left[row] * right[row]
    else:
        for row in range(rows):
            to[row] = left[row] / right[row]


@jit
def _choose(operation, left, right, rows, to):
    """Do what depends on the values in each row of a block."""
    if operation == _QUOTIENT:
        for row in range(rows):
            to[row] = left[row] / right[row] if right[row] > 0 else np.nan
    elif operation == _LARGER:
        for row in range(rows):
            to[row] = right[row] if left[row] < right[row] else left[row]
    elif operation == _WHERE_KNOWN:
        for row in range(rows):
            to[row] = np.nan if np.isnan(right[row]) else left[row]
    elif operation == _IS_POSITIVE:
        for row in range(rows):
            to[row] = 1.0 if left[row] > 0 else 0.0
    else:
        for row in range(rows):
            to[row] = np.sqrt(left[row])
