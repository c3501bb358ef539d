"""The small language of feature formulas: sums, ratios and changes over the kernel's aggregates.

Stands between the kernel and the catalogue. A formula writes itself down as steps (`on`) and can be asked what it rests on (`needs`), so
lineage, evidence and documentation are read from the very thing that computes. One row alone and a million together come out bit for
bit the same (`features.program`).
"""

from dataclasses import dataclass
from typing import Protocol

from features.facts import MONTHS, PARTY_METRICS
from features.plan import Elsewhere, LastDay, Need, Parties, Window
from features.program import Program, Value


class Formula(Protocol):
    """What every formula can do."""

    def on(self, program: Program) -> Value:
        """Return the value, as a step of the program; missing is NaN."""

    def needs(self) -> tuple[Need, ...]:
        """Return what the value rests on, in the order in which it is met."""


def _union(*formulas: Formula) -> tuple[Need, ...]:
    return tuple(dict.fromkeys(need for formula in formulas for need in formula.needs()))


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

    @property
    def window(self) -> Window:
        """The window that is summed."""
        return Window(self.kind, self.column, self.since, self.until)

    def on(self, program: Program) -> Value:
        """Return the sum per row, divided by `scale`."""
        total = program.total(self.window)
        return total if self.scale == 1.0 else total / self.scale

    def needs(self) -> tuple[Need, ...]:
        """Return the window."""
        return (self.window,)


@dataclass(frozen=True, slots=True)
class Months:
    """Twelve 30-day sums of one column, the newest first; a source for trends, not a feature by itself."""

    kind: str
    column: str

    def columns(self, program: Program) -> list[Value]:
        """Return twelve arrays, one value per row each."""
        return [program.total(window) for window in self.windows()]

    def windows(self) -> tuple[Window, ...]:
        """Return the twelve windows, the newest first."""
        return tuple(Window(self.kind, self.column, 30 * (month + 1), 30 * month) for month in range(MONTHS))


@dataclass(frozen=True, slots=True)
class Ratio:
    """Quotient, missing where the denominator is not above zero."""

    num: Formula
    den: Formula

    def on(self, program: Program) -> Value:
        """Return num / den per row."""
        return self.num.on(program).over(self.den.on(program))

    def needs(self) -> tuple[Need, ...]:
        """Return what both sides need."""
        return _union(self.num, self.den)


@dataclass(frozen=True, slots=True)
class Minus:
    """Difference; missing where either side is."""

    left: Formula
    right: Formula

    def on(self, program: Program) -> Value:
        """Return left - right per row."""
        return self.left.on(program) - self.right.on(program)

    def needs(self) -> tuple[Need, ...]:
        """Return what both sides need."""
        return _union(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Floor:
    """A value, but never below zero: a stock closed by more than was opened is empty."""

    inner: Formula

    def on(self, program: Program) -> Value:
        """Return max(value, 0) per row."""
        return self.inner.on(program).at_least(0.0)

    def needs(self) -> tuple[Need, ...]:
        """Return what the inner formula needs."""
        return self.inner.needs()


@dataclass(frozen=True, slots=True)
class Growth:
    """Change between two windows as (recent - earlier) / (recent + earlier), from -1 to 1; missing where both are zero."""

    recent: Formula
    earlier: Formula

    def on(self, program: Program) -> Value:
        """Return the symmetric change per row."""
        recent, earlier = self.recent.on(program), self.earlier.on(program)
        return (recent - earlier).over(recent + earlier)

    def needs(self) -> tuple[Need, ...]:
        """Return what both windows need."""
        return _union(self.recent, self.earlier)


@dataclass(frozen=True, slots=True)
class Variation:
    """Coefficient of variation over the twelve months (population); missing where their sum is not above zero."""

    months: Months

    def on(self, program: Program) -> Value:
        """Return standard deviation / mean per row."""
        columns = self.months.columns(program)
        mean = _added(columns) / MONTHS
        spread = _added([(column - mean) * (column - mean) for column in columns]) / MONTHS
        return spread.root().over(mean)

    def needs(self) -> tuple[Need, ...]:
        """Return the months."""
        return self.months.windows()


@dataclass(frozen=True, slots=True)
class Slope:
    """Least-squares slope over the twelve months, in shares of the monthly mean per month; missing where the mean is not above zero."""

    months: Months

    def on(self, program: Program) -> Value:
        """Return the relative slope per row; positive is growth."""
        columns = self.months.columns(program)
        centre = (MONTHS - 1) / 2
        weighted = _added([column * (centre - age) for age, column in enumerate(columns)])
        scale = sum((centre - age) * (centre - age) for age in range(MONTHS))
        return (weighted / scale).over(_added(columns) / MONTHS)

    def needs(self) -> tuple[Need, ...]:
        """Return the months."""
        return self.months.windows()


@dataclass(frozen=True, slots=True)
class ActiveMonths:
    """How many of the last twelve 30-day months saw at least one fact; missing before the first fact of all."""

    months: Months

    def on(self, program: Program) -> Value:
        """Return 0 to 12 per row."""
        active = _added([column.is_positive() for column in self.months.columns(program)])
        return active.where_known(program.days_since(self.months.kind))

    def needs(self) -> tuple[Need, ...]:
        """Return the months, and the last day that tells whether there ever was a fact."""
        return (*self.months.windows(), LastDay(self.months.kind))


@dataclass(frozen=True, slots=True)
class Peak:
    """Share of the largest of the twelve months in their sum; missing where the sum is not above zero."""

    months: Months

    def on(self, program: Program) -> Value:
        """Return 1/12 to 1 per row."""
        columns = self.months.columns(program)
        largest = columns[0]
        for column in columns[1:]:
            largest = largest.at_least(column)
        return largest.over(_added(columns))

    def needs(self) -> tuple[Need, ...]:
        """Return the months."""
        return self.months.windows()


@dataclass(frozen=True, slots=True)
class MeanAge:
    """Mean days from each item's beginning to the as-of date, of the items that stand; missing where none does.

    `stock` counts the items, `days` adds up the days since 1970-01-01 on which they began.
    """

    stock: Formula
    days: Formula

    def on(self, program: Program) -> Value:
        """Return days per row."""
        stock = self.stock.on(program)
        return (program.day() * stock - self.days.on(program)).over(stock)

    def needs(self) -> tuple[Need, ...]:
        """Return what both sides need."""
        return _union(self.stock, self.days)


@dataclass(frozen=True, slots=True)
class DaysSince:
    """Days from the last standing fact of a kind to the as-of date, at least 1; missing if there never was one."""

    kind: str

    def on(self, program: Program) -> Value:
        """Return days per row."""
        return program.days_since(self.kind)

    def needs(self) -> tuple[Need, ...]:
        """Return the last day."""
        return (LastDay(self.kind),)


@dataclass(frozen=True, slots=True)
class Party:
    """One measure of the counterparties over a window: distinct, hhi, top_share or repeat_share."""

    kind: str
    metric: str
    window: int

    def __post_init__(self) -> None:
        """Refuse a measure that does not exist where the catalogue is read."""
        if self.metric not in PARTY_METRICS:
            raise ValueError(f"{self.metric} is no measure of counterparties; there are {', '.join(PARTY_METRICS)}")

    def on(self, program: Program) -> Value:
        """Return the measure per row."""
        return program.party(self.kind, self.window, self.metric)

    def needs(self) -> tuple[Need, ...]:
        """Return the walk over the counterparties."""
        return (Parties(self.kind, self.window),)


@dataclass(frozen=True, slots=True)
class Network:
    """One sum of the buyer network (`features.network.MEASURES`); `kinds` are the facts of the supplier and of others it rests on."""

    measure: str
    kinds: tuple[str, ...]
    scale: float = 1.0

    def on(self, program: Program) -> Value:
        """Return the sum per row, divided by `scale`."""
        total = program.elsewhere(self.measure)
        return total if self.scale == 1.0 else total / self.scale

    def needs(self) -> tuple[Need, ...]:
        """Return the sum, once for each kind."""
        return tuple(Elsewhere(kind, self.measure) for kind in self.kinds)


def _added(columns: list[Value]) -> Value:
    """Sum of columns in their order."""
    total = columns[0]
    for column in columns[1:]:
        total = total + column
    return total
