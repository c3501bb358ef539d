"""What the kernel returns, as formulas read it: columns of many rows, or the plain numbers of one.

Only + - * / and square root are used, number by number. They are exact by IEEE 754, in numpy as in Python, so a formula over plain
numbers gives the bits it gives over columns, in a fraction of the time that arrays of one number take.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from features.facts import PARTY_METRICS
from features.network import MEASURES
from features.plan import LastDay, Parties, Plan, Window
from features.versions import NEVER

Column = npt.NDArray[np.float64]
Number = Column | float
"""A value per row, or that of the one row."""

_METRIC = {metric: place for place, metric in enumerate(PARTY_METRICS)}
_MEASURE = {measure: place for place, measure in enumerate(MEASURES)}


@dataclass(frozen=True, slots=True)
class Aggregates:
    """What the kernel returns for a run of rows (shapes in `features.kernel.Kernel.aggregate`), and the rows' as-of days.

    Parameters
    ----------
    plan : Plan
        Says where each thing lies.
    windows, last, parties, network : arrays (things, rows)
    as_of : int32 array (rows,)
    """

    plan: Plan
    windows: npt.NDArray[np.int64]
    last: npt.NDArray[np.int32]
    parties: Column
    network: npt.NDArray[np.int64]
    as_of: npt.NDArray[np.int32]

    def total(self, window: Window) -> Number:
        """Return a window's sum; whole numbers up to 2^53 are exact."""
        return np.asarray(self.windows[self.plan.window_at[window]], dtype=np.float64)

    def day(self) -> Number:
        """Return the as-of day."""
        return np.asarray(self.as_of, dtype=np.float64)

    def days_since(self, kind: str) -> Number:
        """Return the days from the last day of a kind to the as-of day, missing where there is none."""
        last = self.last[self.plan.last_at[LastDay(kind)]]
        return np.asarray(np.where(last == NEVER, np.nan, self.as_of - last), dtype=np.float64)

    def party(self, kind: str, window: int, metric: str) -> Number:
        """Return a measure of a kind's counterparties."""
        return np.array(self.parties[self.plan.parties_at[Parties(kind, window)] + _METRIC[metric]])

    def elsewhere(self, measure: str) -> Number:
        """Return a sum of the buyer network."""
        return np.asarray(self.network[_MEASURE[measure]], dtype=np.float64)


class OneRow(Aggregates):
    """The aggregates of one row, read as plain numbers."""

    __slots__ = ("_day", "_days", "_measures", "_others", "_totals", "_window_at")

    _totals: list[float]
    _window_at: dict[Window, int]
    _days: list[int]
    _measures: list[float]
    _others: list[int]
    _day: int

    def __init__(self, plan: Plan, windows: Any, last: Any, parties: Any, network: Any, as_of: Any) -> None:
        """Take the same as `Aggregates`, of one row."""
        super().__init__(plan, windows, last, parties, network, as_of)
        put = partial(object.__setattr__, self)
        put("_totals", windows[:, 0].astype(np.float64).tolist())
        put("_window_at", plan.window_at)
        put("_days", last[:, 0].tolist())
        put("_measures", parties[:, 0].tolist())
        put("_others", network[:, 0].tolist())
        put("_day", int(as_of[0]))

    def total(self, window: Window) -> Number:
        """Return a window's sum."""
        return self._totals[self._window_at[window]]

    def day(self) -> Number:
        """Return the as-of day."""
        return float(self._day)

    def days_since(self, kind: str) -> Number:
        """Return the days from the last day of a kind to the as-of day."""
        last = self._days[self.plan.last_at[LastDay(kind)]]
        return math.nan if last == NEVER else float(self._day - last)

    def party(self, kind: str, window: int, metric: str) -> Number:
        """Return a measure of a kind's counterparties."""
        return self._measures[self.plan.parties_at[Parties(kind, window)] + _METRIC[metric]]

    def elsewhere(self, measure: str) -> Number:
        """Return a sum of the buyer network."""
        return float(self._others[_MEASURE[measure]])


def divide(num: Number, den: Number) -> Number:
    """Return the quotient where the denominator is above zero, missing elsewhere."""
    if isinstance(num, float) and isinstance(den, float):
        return num / den if den > 0 else math.nan
    out = np.full(np.shape(num), np.nan)
    np.divide(num, den, out=out, where=np.asarray(den) > 0)
    return out


def root(value: Number) -> Number:
    """Return the square root of what is not below zero."""
    return math.sqrt(value) if isinstance(value, float) else np.asarray(np.sqrt(value))


def larger(left: Number, right: Number) -> Number:
    """Return the larger of two; missing where the left one is."""
    if isinstance(left, float) and isinstance(right, float):
        return right if left < right else left
    return np.maximum(left, right)


def is_positive(value: Number) -> Number:
    """Return 1 where a value is above zero, else 0."""
    return float(value > 0) if isinstance(value, float) else (value > 0).astype(np.float64)


def where_known(known: Number, value: Number) -> Number:
    """Return the value where another one is known, missing elsewhere."""
    if isinstance(known, float):
        return math.nan if math.isnan(known) else value
    return np.where(np.isnan(known), np.nan, value)
