"""When would a supplier default? One discrete-time hazard model for every horizon up to twelve months.

A row of a supplier becomes one row for every month it was watched and had not defaulted before; one booster learns whether it
defaults in that month (Singer and Willett, Journal of Educational Statistics 18, 1993). The month is a column that no tree shares
with another, so a margin is f(x) + g(t). What is known today says more of the next months than of later ones: each month t has its
own affine map of the margin to log-odds, a_t + b_t (f(x) + g(t)) with b_t above 0. The curve and its points: `training.term_structure`.
docs/decisions/0014.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange
from training.calibrate import CalibrationPolicy, calibrate, likeliest_line
from training.fit import Progress
from training.params import LIGHTLY_SHRUNK, BoosterParams
from training.recipe import Columns, learn, rows_per_group
from training.scorer import Calibration
from training.term_structure import MONTH, MONTHS

Values = NDArray[np.float64]
Ints = NDArray[np.intp]

MONTH_SD = 0.5
"""How far, by the prior's deviation, the level and the slope of a month's map may lie from those of all months."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Rows by month: ``row`` is the place of the row it comes from, ``month`` 1 to 12, ``y`` 1 where it defaults in that month."""

    row: Ints
    month: Ints
    y: Values


@dataclass(frozen=True, slots=True)
class LearnedHazard:
    """What was learnt from the rows by month, ``periods``, of which ``survivors`` is the share of months without default.

    ``log_odds_out_of_fold`` are of the rows by month as they were drawn, from boosters that never saw the row's supplier.
    """

    model_text: str
    rounds: int
    periods: Periods
    survivors: float
    log_odds_out_of_fold: Values
    drawn_maps: tuple[Calibration, ...]

    def by_month(self, line: Calibration | None = None) -> tuple[Calibration, ...]:
        """Return for months 1 to 12 the map of the margin to the log-odds of default in the month.

        ``line`` is a further map of the log-odds out of fold, fitted to the rows as drawn: by default none.

        Notes
        -----
        Where months without default are drawn the level alone is wrong, by the logarithm of their share: Prentice and Pyke,
        Biometrika 66 (1979).
        """
        after, shift = line or Calibration(slope=1.0, intercept=0.0), math.log(self.survivors)
        return tuple(Calibration(after.slope * m.slope, after.intercept + after.slope * m.intercept + shift) for m in self.drawn_maps)


def month_of_default(as_of: NDArray[np.datetime64], default_on: NDArray[np.datetime64], *, performance_days: int) -> Ints:
    """Return the month of default, 1 to 12, or 0 where there is none; a month is a twelfth of the performance window.

    Raises
    ------
    OutOfRange
        A default lies outside the window.

    Examples
    --------
    >>> as_of = np.array(["2025-01-01"] * 4, dtype="datetime64[D]")
    >>> default_on = np.array(["2025-01-31", "2025-02-01", "2025-12-31", "NaT"], dtype="datetime64[D]")
    >>> month_of_default(as_of, default_on, performance_days=365).tolist()
    [1, 2, 12, 0]
    """
    has = ~np.isnat(default_on)
    days = (default_on[has] - as_of[has]).astype(np.intp)
    if ((days < 0) | (days >= performance_days)).any():
        raise OutOfRange(f"a default must lie 0 to {performance_days - 1} days after the as-of date, found {days.min()} to {days.max()}")
    months = np.zeros(len(as_of), dtype=np.intp)
    months[has] = days * MONTHS // performance_days + 1
    return months


def periods_of(default_month: Ints, months_seen: Ints) -> Periods:
    """Return a row for every month in which a row was watched and could still default.

    Parameters
    ----------
    default_month
        Month of default, 1 to 12; 0 for none. Shape (n,).
    months_seen
        Whole months the row was watched, 0 to 12, shape (n,); what comes later is censored and gives no row.

    Raises
    ------
    OutOfRange
        Shapes differ, a month is none of these, or a default lies beyond the months that were seen.

    Examples
    --------
    >>> found = periods_of(np.array([2, 0]), np.array([12, 3]))
    >>> found.row.tolist(), found.month.tolist(), found.y.tolist()
    ([0, 0, 1, 1, 1], [1, 2, 1, 2, 3], [0.0, 1.0, 0.0, 0.0, 0.0])
    """
    if default_month.shape != months_seen.shape or default_month.ndim != 1:
        raise OutOfRange(f"months of default and months seen must be two lists of one length, found {default_month.shape} and "
                         f"{months_seen.shape}")  # fmt: skip
    if ((default_month < 0) | (default_month > months_seen) | (months_seen > MONTHS)).any():
        raise OutOfRange(f"a month of default must be 0 (none) or lie within the months seen, at most {MONTHS}: check the rows' windows")
    at_risk = np.where(default_month > 0, default_month, months_seen)
    row = np.repeat(np.arange(len(at_risk)), at_risk)
    month = np.arange(len(row)) - np.repeat(np.cumsum(at_risk) - at_risk, at_risk) + 1
    return Periods(row, month, (month == default_month[row]).astype(np.float64))


def learn_hazard(
    values: Values,
    default_month: Ints,
    months_seen: Ints,
    columns: Columns,
    *,
    seed: int,
    groups: NDArray[np.str_] | Ints | None = None,
    fold: Ints | None = None,
    params: BoosterParams | None = None,
    survivors: float = 1.0,
    threads: int = 1,
    progress: Progress | None = None,
) -> LearnedHazard:
    """Learn the months' hazards by the product's recipe, with the month as one more column that stands apart.

    Parameters
    ----------
    values, columns
        Shape (n, f), NaN where missing, and the catalogue of the f columns.
    default_month, months_seen
        As `periods_of`.
    seed, groups, fold, threads, progress
        As `training.recipe.learn`, of the n rows.
    params
        By default `training.params.LIGHTLY_SHRUNK`: the rows are months of the same few bads.
    survivors
        Share of the months without default to learn from, above 0 and at most 1, drawn by the seed; those with default count all. A
        row's months say nearly the same, and time and memory go with their number.

    Raises
    ------
    OutOfRange, TrainingFailed
        As `training.recipe.learn`.
    """
    if not 0.0 < survivors <= 1.0:
        raise OutOfRange(f"the share of months without default must be above 0 and at most 1, found {survivors}")
    periods = periods_of(default_month, months_seen)
    kept = (np.random.default_rng(seed).random(len(periods.y)) < survivors) | (periods.y == 1.0)
    periods = Periods(periods.row[kept], periods.month[kept], periods.y[kept])
    owners = np.arange(len(values)) if groups is None else groups
    width = len(columns.names)
    with_month = replace(columns, names=(*columns.names, MONTH), directions=(*columns.directions, 0), apart=(*columns.apart, width))
    learned = learn(
        np.column_stack([values[periods.row], periods.month]),
        periods.y,
        with_month,
        seed=seed,
        groups=owners[periods.row],
        fold=None if fold is None else fold[periods.row],
        params=params or LIGHTLY_SHRUNK,
        threads=threads,
        progress=progress,
    )
    fit = learned.fit
    maps = _map_months(fit.margins_out_of_fold, periods, learned.calibration)
    slope, intercept = (np.array(parts)[periods.month - 1] for parts in zip(*((m.slope, m.intercept) for m in maps), strict=True))
    return LearnedHazard(fit.model_text, fit.rounds, periods, survivors, intercept + slope * fit.margins_out_of_fold, maps)


def _map_months(margins: Values, periods: Periods, whole: Calibration) -> tuple[Calibration, ...]:
    """Return each month's likeliest map, drawn to that of all months."""
    found = []
    for month in range(1, MONTHS + 1):
        rows = np.flatnonzero(periods.month == month)
        middle = float(margins[rows].mean()) if len(rows) else 0.0
        level, slope = likeliest_line(
            np.column_stack([np.ones(len(rows)), margins[rows] - middle]),
            periods.y[rows],
            prior=np.array([whole.intercept + whole.slope * middle, whole.slope]),
            prior_sd=np.array([MONTH_SD, MONTH_SD]),
        ).tolist()
        found.append(Calibration(slope=slope, intercept=level - slope * middle))
    return tuple(found)


def calibrate_months(
    found: LearnedHazard, *, as_of: NDArray[np.datetime64], suppliers: NDArray[np.str_], policy: CalibrationPolicy
) -> tuple[Calibration, ...]:
    """Return each month's map, moved towards the newest as-of dates as `training.calibrate.calibrate` moves that of a 12-month model.

    Parameters
    ----------
    found
        What `learn_hazard` made of n rows.
    as_of, suppliers
        Of the n rows.
    policy
        As `training.calibrate.calibrate`.
    """
    newest = np.isin(as_of, np.unique(as_of)[-policy.newest_months :])
    row = found.periods.row
    line = calibrate(
        found.log_odds_out_of_fold,
        found.periods.y,
        as_of=as_of[row],
        suppliers=suppliers[row],
        policy=policy,
        repeats=rows_per_group(suppliers[newest]),  # a row's months follow one another and repeat nothing
    )
    return found.by_month(line)
