"""The small language of feature formulas: sums, ratios and changes over the kernel's aggregates.

Stands between the kernel and the catalogue. A formula is a value that can be computed (`of`) and asked what it rests on (`kinds`), so
lineage, evidence and documentation are read from the very thing that computes. Only + - * / and square root are used, element by
element: they are exact by IEEE 754, so one row alone and a million together come out bit for bit the same.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from features.facts import (
    EDGES,
    INTERVALS,
    KIND_INDEX,
    MONTHS,
    PARTY_KINDS,
    PARTY_METRICS,
    PARTY_WINDOWS,
    column_index,
)
from features.kernel import NEVER

Column = npt.NDArray[np.float64]

_WINDOW_STOP = {days: next((i for i, edge in enumerate(EDGES) if edge >= days), INTERVALS) for days in (30, 60, 90, 180, 365)}


@dataclass(frozen=True, slots=True)
class Aggregates:
    """What the kernel returns for a run of rows (shapes in `features.kernel.aggregate_into`), and the rows' as-of days."""

    sums: npt.NDArray[np.int64]
    last: npt.NDArray[np.int32]
    parties: Column
    as_of: npt.NDArray[np.int32]


class Formula(Protocol):
    """What every formula can do."""

    def of(self, rows: Aggregates) -> Column:
        """Return the value per row; missing is NaN."""

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of facts the value rests on, in the order in which they are met."""


def _union(*formulas: Formula) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for formula in formulas for kind in formula.kinds()))


def _divide(num: Column, den: Column) -> Column:
    """Quotient where the denominator is above zero, missing elsewhere."""
    out = np.full(num.shape, np.nan)
    np.divide(num, den, out=out, where=den > 0)
    return out


@dataclass(frozen=True, slots=True)
class Sum:
    """Sum of one column of one kind over the window [as_of - since, as_of - until); `since=None` reaches back to the first fact.

    Zero where nothing happened: the platform saw the whole window, so nothing is an observation.
    """

    kind: str
    column: str
    since: int | None
    until: int = 0
    scale: float = 1.0

    def of(self, rows: Aggregates) -> Column:
        """Return the sum per row, divided by `scale`."""
        start = _WINDOW_STOP[self.until] if self.until else 0
        stop = _WINDOW_STOP[self.since] if self.since else INTERVALS
        cells = rows.sums[:, KIND_INDEX[self.kind], column_index(self.kind, self.column), start:stop]
        total: Column = cells.sum(axis=1, dtype=np.int64).astype(np.float64)
        return total / self.scale

    def kinds(self) -> tuple[str, ...]:
        """Return the kind."""
        return (self.kind,)


@dataclass(frozen=True, slots=True)
class Months:
    """Twelve 30-day sums of one column, the newest first; a source for trends, not a feature by itself."""

    kind: str
    column: str

    def columns(self, rows: Aggregates) -> list[Column]:
        """Return twelve arrays, one value per row each."""
        cells = rows.sums[:, KIND_INDEX[self.kind], column_index(self.kind, self.column), :MONTHS]
        return [cells[:, month].astype(np.float64) for month in range(MONTHS)]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Quotient, missing where the denominator is not above zero."""

    num: Formula
    den: Formula

    def of(self, rows: Aggregates) -> Column:
        """Return num / den per row."""
        return _divide(self.num.of(rows), self.den.of(rows))

    def kinds(self) -> tuple[str, ...]:
        """Return both sides' kinds."""
        return _union(self.num, self.den)


@dataclass(frozen=True, slots=True)
class Minus:
    """Difference; missing where either side is."""

    left: Formula
    right: Formula

    def of(self, rows: Aggregates) -> Column:
        """Return left - right per row."""
        return self.left.of(rows) - self.right.of(rows)

    def kinds(self) -> tuple[str, ...]:
        """Return both sides' kinds."""
        return _union(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Floor:
    """A value, but never below zero: a stock closed by more than was opened is empty."""

    inner: Formula

    def of(self, rows: Aggregates) -> Column:
        """Return max(value, 0) per row."""
        return np.maximum(self.inner.of(rows), 0.0)

    def kinds(self) -> tuple[str, ...]:
        """Return the inner formula's kinds."""
        return self.inner.kinds()


@dataclass(frozen=True, slots=True)
class Growth:
    """Change between two windows as (recent - earlier) / (recent + earlier), from -1 to 1; missing where both are zero."""

    recent: Formula
    earlier: Formula

    def of(self, rows: Aggregates) -> Column:
        """Return the symmetric change per row."""
        recent, earlier = self.recent.of(rows), self.earlier.of(rows)
        return _divide(recent - earlier, recent + earlier)

    def kinds(self) -> tuple[str, ...]:
        """Return both windows' kinds."""
        return _union(self.recent, self.earlier)


@dataclass(frozen=True, slots=True)
class Variation:
    """Coefficient of variation over the twelve months (population); missing where their sum is not above zero."""

    months: Months

    def of(self, rows: Aggregates) -> Column:
        """Return standard deviation / mean per row."""
        columns = self.months.columns(rows)
        mean = _added(columns) / MONTHS
        spread = _added([(column - mean) * (column - mean) for column in columns]) / MONTHS
        return _divide(np.sqrt(spread), mean)

    def kinds(self) -> tuple[str, ...]:
        """Return the months' kind."""
        return (self.months.kind,)


@dataclass(frozen=True, slots=True)
class Slope:
    """Least-squares slope over the twelve months, in shares of the monthly mean per month; missing where the mean is not above zero."""

    months: Months

    def of(self, rows: Aggregates) -> Column:
        """Return the relative slope per row; positive is growth."""
        columns = self.months.columns(rows)
        centre = (MONTHS - 1) / 2
        weighted = _added([column * (centre - age) for age, column in enumerate(columns)])
        scale = sum((centre - age) * (centre - age) for age in range(MONTHS))
        return _divide(weighted / scale, _added(columns) / MONTHS)

    def kinds(self) -> tuple[str, ...]:
        """Return the months' kind."""
        return (self.months.kind,)


@dataclass(frozen=True, slots=True)
class ActiveMonths:
    """How many of the last twelve 30-day months saw at least one fact; missing before the first fact of all."""

    months: Months

    def of(self, rows: Aggregates) -> Column:
        """Return 0 to 12 per row."""
        active = _added([(column > 0).astype(np.float64) for column in self.months.columns(rows)])
        return np.where(rows.last[:, KIND_INDEX[self.months.kind]] == NEVER, np.nan, active)

    def kinds(self) -> tuple[str, ...]:
        """Return the months' kind."""
        return (self.months.kind,)


@dataclass(frozen=True, slots=True)
class DaysSince:
    """Days from the last standing fact of a kind to the as-of date, at least 1; missing if there never was one."""

    kind: str

    def of(self, rows: Aggregates) -> Column:
        """Return days per row."""
        last = rows.last[:, KIND_INDEX[self.kind]]
        return np.where(last == NEVER, np.nan, (rows.as_of - last).astype(np.float64))

    def kinds(self) -> tuple[str, ...]:
        """Return the kind."""
        return (self.kind,)


@dataclass(frozen=True, slots=True)
class Party:
    """One measure of the counterparties over a window: distinct, hhi, top_share or repeat_share."""

    kind: str
    metric: str
    window: int
    _at: tuple[int, int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Look the place up once, so that a wrong name fails where the catalogue is read."""
        place = (PARTY_KINDS.index(self.kind), PARTY_WINDOWS.index(self.window), PARTY_METRICS.index(self.metric))
        object.__setattr__(self, "_at", place)

    def of(self, rows: Aggregates) -> Column:
        """Return the measure per row."""
        kind, window, metric = self._at
        return rows.parties[:, kind, window, metric].copy()

    def kinds(self) -> tuple[str, ...]:
        """Return the kind."""
        return (self.kind,)


def _added(columns: list[Column]) -> Column:
    """Sum of columns in their order: numpy's own reduction may pair them differently for one row and for many."""
    total = columns[0]
    for column in columns[1:]:
        total = total + column
    return total
