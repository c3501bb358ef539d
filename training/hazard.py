"""When would a supplier default? One discrete-time hazard model, whose curve gives the PD at every horizon and cannot contradict itself.

A row of a supplier becomes one row for every month it was watched and had not defaulted before; one booster learns whether it
defaults in that month (Singer and Willett, Journal of Educational Statistics 18, 1993). The month is a column that no tree shares
with another, so a margin is f(x) + g(t), and f(x) divides into contributions that do not depend on the month. What is known today says
more of the next months than of later ones: each month t has its own affine map of the margin to log-odds, a_t + b_t (f(x) + g(t)) with
b_t above 0. Suppliers so rank alike at every horizon. docs/decisions/0014.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from credit.scale import Scale
from training.calibrate import likeliest_line
from training.fit import Progress
from training.params import BoosterParams
from training.recipe import Columns, learn
from training.scorer import Calibration, Scorer
from training.trees import parse_trees

Values = NDArray[np.float64]
Ints = NDArray[np.intp]

MONTHS = 12
MONTH = "month_ahead"
"""The column of the month, last of all."""
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


@dataclass(frozen=True, slots=True)
class HazardScores:
    """Scores of n suppliers on f features.

    ``base_points`` plus ``contributions``, shape (n, f), added from left to right, give ``points``, shape (n,), to the last bit.
    ``log_survival`` has shape (n, 13): the logarithm of the probability of no default by the end of month 0 to 12.
    """

    points: Values
    base_points: float
    contributions: Values
    log_survival: Values

    def pd_within(self, months: float) -> Values:
        """Return the probability of default within so many months from the as-of date, above 0 and at most 12; shape (n,).

        Notes
        -----
        Within a month the log survival is a straight line: the hazard rate is constant. A tenor of d days is d * 12 / 365 months.
        """
        if not 0.0 < months <= MONTHS:
            raise OutOfRange(f"a horizon must be above 0 and at most {MONTHS} months, found {months}: the curve says nothing beyond")
        before = min(int(months), MONTHS - 1)
        start, end = self.log_survival[:, before], self.log_survival[:, before + 1]
        return np.asarray(-np.expm1(start + (months - before) * (end - start)))


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
    seed, groups, fold, params, threads, progress
        As `training.recipe.learn`, of the n rows.
    survivors
        Share of the months without default to learn from, above 0 and at most 1, drawn by the seed; those with default count all. A
        row's months say nearly the same, and time and memory go with their number.

    Raises
    ------
    OutOfRange, TrainingFailed
        As `training.recipe.learn`; `TrainingFailed` also where a tree mixes the month with another column.
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
        params=params,
        threads=threads,
        progress=progress,
    )
    fit = learned.fit
    _require_apart(fit.model_text, width)
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


class HazardScorer:
    """A hazard booster with its calibration and scale: points that add up, and the curve they stand for.

    Notes
    -----
    Points are affine in f(x), so they rank as the PD of every horizon does. They touch the scale where every contribution is 0: there
    they are the points of the 12-month PD, and a step in f(x) moves them as it moves the log-odds of that PD. Away from there
    they are no reading of the PD on the scale: log-odds of a 12-month PD are not affine in f(x). The PD is the curve's.
    """

    def __init__(self, model_text: str, by_month: Sequence[Calibration], scale: Scale) -> None:
        """Read the month's part g(t) off the booster, and refuse one that mixes the month with another column."""
        if len(by_month) != MONTHS:
            raise OutOfRange(f"a hazard model needs a map for each of {MONTHS} months, found {len(by_month)}")
        scorer = Scorer.from_text(model_text, Calibration(slope=1.0, intercept=0.0), scale)
        self.width = scorer.width - 1
        if scorer.names[-1] != MONTH:
            raise OutOfRange(f"the last column of a hazard model must be {MONTH}, found {scorer.names[-1]}")
        _require_apart(model_text, self.width)
        self._scorer, self._log_odds_per_point = scorer, -1.0 / scale.factor
        rows = np.full((MONTHS, self.width + 1), np.nan)
        rows[:, -1] = np.arange(1, MONTHS + 1)
        margins = (scorer.base_points + scorer.score(rows).contributions[:, -1] - scale.offset) * self._log_odds_per_point
        self._slopes = np.array([month.slope for month in by_month])
        self._log_odds: Values = np.array([month.intercept for month in by_month]) + self._slopes * margins
        hazard = 1.0 / (1.0 + np.exp(-self._log_odds))
        pd = float(-np.expm1(np.log1p(-hazard).sum()))
        # d logit PD / d f = (sum of slope * hazard) / PD, where PD = 1 - product of (1 - hazard), d hazard / d f = slope hazard (1 - hazard).
        self._stretch = float(self._slopes @ hazard) / pd
        self.base_points = scale.points(pd)

    def score(self, values: Values) -> HazardScores:
        """Return the scores of ``values``, shape (n, f), NaN where missing."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise OutOfRange(f"values must have shape (n, {self.width}) in the order of names, found {values.shape}")
        found = self._scorer.score(np.column_stack([values, np.ones(len(values))])).contributions[:, :-1]
        contributions = self._stretch * found
        steps = np.column_stack([np.full(len(values), self.base_points), contributions])
        points = np.add.accumulate(steps, axis=1)[:, -1].copy()
        # From the points themselves, so that equal points have equal curves and more points never a riskier one.
        f = (points - self.base_points) / self._stretch * self._log_odds_per_point
        log_stay = -np.logaddexp(0.0, f[:, None] * self._slopes + self._log_odds)
        log_survival = np.column_stack([np.zeros(len(values)), np.add.accumulate(log_stay, axis=1)])
        return HazardScores(points, self.base_points, contributions, log_survival)


def _require_apart(model_text: str, month: int) -> None:
    _, trees = parse_trees(model_text)
    mixed = [number for number, tree in enumerate(trees) if 0 < np.count_nonzero(tree.feature == month) < len(tree.feature)]
    if mixed:
        raise TrainingFailed(f"the month must stand apart from all other columns, tree {mixed[0]} mixes it: the points would not add up")
