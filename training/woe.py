"""What would a plain scorecard do? Monotone bins, weights of evidence and a logistic regression: the challenger of every validation.

Its points stand on the champion's scale, so that the two can be laid side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from credit.errors import OutOfRange, TrainingFailed
from credit.scale import Scale

Values = NDArray[np.float64]

FIRST_BINS = 20
LEAST_SHARE = 0.05
LEAST_INFORMATION = 0.02
"""Siddiqi (2006), chapter 6: below 0.02 a characteristic is not predictive."""
LARGEST_CORRELATION = 0.75
MOST_FEATURES = 15


@dataclass(frozen=True, slots=True)
class WoeBins:
    """Bins of one feature and their weights of evidence; higher is safer.

    ``woe`` has one more entry than ``edges``; a value on an edge belongs to the bin above it. ``missing`` is the weight of a
    missing value, 0 where the sample has none.
    """

    name: str
    edges: tuple[float, ...]
    woe: tuple[float, ...]
    missing: float
    information_value: float

    def transform(self, values: Values) -> Values:
        """Return the weight of evidence of each value, shape (n,); NaN is missing."""
        known = np.asarray(self.woe)[np.searchsorted(np.asarray(self.edges), values, side="right")]
        return np.where(np.isnan(values), self.missing, known)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A logistic regression on weights of evidence, in points of a scale.

    ``columns`` are the places of the features among those it was fitted on, ``coefficients`` (above 0) the weight each WoE
    has in the log-odds of good, ``intercept`` the log-odds of good where every WoE is 0.
    """

    bins: tuple[WoeBins, ...]
    columns: tuple[int, ...]
    coefficients: tuple[float, ...]
    intercept: float
    scale: Scale

    def points(self, values: Values) -> Values:
        """Return the points of ``values``, shape (n, f) in the order it was fitted on; higher is safer."""
        log_odds = np.full(len(values), self.intercept)
        for one, column, weight in zip(self.bins, self.columns, self.coefficients, strict=True):
            log_odds += weight * one.transform(values[:, column])
        return np.asarray(self.scale.offset + self.scale.factor * log_odds, dtype=np.float64)

    def points_per_bin(self, place: int) -> tuple[float, ...]:
        """Return the points of each bin of a feature, the missing one last; all of them and the base add up to the score."""
        factor = self.scale.factor * self.coefficients[place]
        return tuple(factor * woe for woe in (*self.bins[place].woe, self.bins[place].missing))

    @property
    def base_points(self) -> float:
        """Points where every WoE is 0."""
        return float(self.scale.offset + self.scale.factor * self.intercept)


def bin_feature(name: str, values: Values, y: Values, *, direction: int) -> WoeBins:
    """Return bins in which the bad rate only rises or only falls with the value.

    Parameters
    ----------
    name, values, y
        The feature, shape (n,) with NaN where missing, and outcomes with 1 for bad.
    direction
        +1 where risk rises with the value, -1 where it falls; 0 takes the one that informs more.

    Notes
    -----
    Twenty bins of equally many rows are pooled with their neighbour while they break the direction (adjacent violators:
    Ayer et al., 1955) or hold under a twentieth of the rows. WoE = ln(share of goods / share of bads), with half a row added
    to both counts of a bin; information value = sum of (share of goods - share of bads) WoE. Siddiqi (2006), chapter 6.

    Examples
    --------
    Two values, 3 of 4 bad below and 1 of 4 above: ln((1.5 / 4) / (3.5 / 4)).

    >>> values, y = np.repeat([0.0, 1.0], 4), np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    >>> bins = bin_feature("stars", values, y, direction=-1)
    >>> bins.edges, [round(woe, 6) for woe in bins.woe]
    ((1.0,), [-0.847298, 0.847298])
    """
    _two_outcomes(y)
    known = ~np.isnan(values)
    if direction == 0:
        return max((bin_feature(name, values, y, direction=sign) for sign in (1, -1)), key=lambda found: found.information_value)
    edges, goods, bads = _counted(values[known], y[known])
    edges, goods, bads = _pooled(edges, goods, bads, direction=direction, least=LEAST_SHARE * len(y))
    missing = (float((1.0 - y[~known]).sum()), float(y[~known].sum()))
    of_good, of_bad = float((1.0 - y).sum()), float(y.sum())
    weights = [_woe(good, bad, of_good, of_bad) for good, bad in zip(goods, bads, strict=True)]
    missing_woe = _woe(*missing, of_good, of_bad) if sum(missing) else 0.0
    counted = [*zip(goods, bads, weights, strict=True), (*missing, missing_woe)]
    value = sum((good / of_good - bad / of_bad) * weight for good, bad, weight in counted)
    return WoeBins(name, tuple(edges), tuple(weights), missing_woe, float(value))


def fit_scorecard(values: Values, y: Values, *, names: Sequence[str], directions: Sequence[int], scale: Scale) -> Scorecard:
    """Fit a scorecard to training rows.

    Parameters
    ----------
    values, y
        Shapes (n, f) and (n,); 1 is bad.
    names, directions
        Of the f features, as the champion's.
    scale
        The champion's, so that points compare.

    Raises
    ------
    TrainingFailed
        No feature informs.

    Notes
    -----
    Features come in by information value while they inform and are not near copies of one already in; one whose coefficient
    would turn its direction around goes out again. The regression carries scikit-learn's default ridge.
    """
    _two_outcomes(y)
    binned = [bin_feature(name, values[:, i], y, direction=directions[i]) for i, name in enumerate(names)]
    order = sorted(range(len(binned)), key=lambda i: (-round(binned[i].information_value, 9), names[i]))
    chosen: list[int] = []
    columns: list[Values] = []
    for i in order:
        if binned[i].information_value < LEAST_INFORMATION or len(chosen) == MOST_FEATURES:
            break
        column = binned[i].transform(values[:, i])
        if all(abs(np.corrcoef(column, other)[0, 1]) < LARGEST_CORRELATION for other in columns):
            chosen.append(i)
            columns.append(column)
    while chosen:
        fitted = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=200).fit(np.column_stack(columns), 1.0 - y)
        weights = fitted.coef_[0]
        if weights.min() > 0:
            return Scorecard(tuple(binned[i] for i in chosen), tuple(chosen), tuple(weights.tolist()), float(fitted.intercept_[0]), scale)
        worst = int(np.argmin(weights))
        del chosen[worst], columns[worst]
    raise TrainingFailed(f"no feature of {len(names)} has an information value of {LEAST_INFORMATION} in {len(y)} rows")


def _counted(values: Values, y: Values) -> tuple[list[float], list[float], list[float]]:
    """Return edges, goods and bads of bins of about equally many rows."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, FIRST_BINS + 1)[1:-1], method="higher")) if len(values) else np.empty(0)
    edges = edges[edges > values.min()] if len(values) else edges
    place = np.searchsorted(edges, values, side="right")
    counts = np.bincount(place, minlength=len(edges) + 1)
    bads = np.bincount(place, y, minlength=len(edges) + 1)
    return edges.tolist(), (counts - bads).tolist(), bads.tolist()


def _pooled(
    edges: list[float], goods: list[float], bads: list[float], *, direction: int, least: float
) -> tuple[list[float], list[float], list[float]]:
    """Pool neighbours until every bin holds ``least`` rows and weights of evidence only move in the direction."""

    def breaks(i: int) -> bool:
        # The odds as the weights take them, half a row added: plain rates may be in order where those are not.
        below, above = ((bads[j] + 0.5) / (goods[j] + 0.5) for j in (i, i + 1))
        # A small bin is pooled to the right, the last one to the left: a full bin takes in one small neighbour, not all of them.
        is_last = i + 2 == len(goods)
        is_small = goods[i] + bads[i] < least or (is_last and goods[i + 1] + bads[i + 1] < least)
        return is_small or direction * (above - below) <= 0

    while (i := next((i for i in range(len(edges)) if breaks(i)), None)) is not None:
        for counts in (goods, bads):
            counts[i : i + 2] = [counts[i] + counts[i + 1]]
        del edges[i]
    return edges, goods, bads


def _woe(good: float, bad: float, of_good: float, of_bad: float) -> float:
    return float(np.log(((good + 0.5) / of_good) / ((bad + 0.5) / of_bad)))


def _two_outcomes(y: Values) -> None:
    if not np.isin(y, (0.0, 1.0)).all() or not 0 < y.sum() < len(y):
        raise OutOfRange(f"a scorecard needs good and bad rows, found {int(np.sum(y == 1.0))} bad of {len(y)}")
