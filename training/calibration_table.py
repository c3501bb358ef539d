"""Where do the PDs mean what they say? Slope, intercept, Brier, log loss and ECE by vintage, grade, province or any other group."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from training.calibrate import likeliest_line
from training.measures import brier, ece, log_loss

Values = NDArray[np.float64]

MIN_OUTCOMES = 10
"""Bads, and goods, a group needs before a line is drawn through it: ten events per fitted number (Peduzzi and others, 1996)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval around it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """How one group's PDs compare with its outcomes.

    ``slope`` and ``intercept`` are of the outcomes on the log-odds of the PDs (1 and 0 are best, Cox 1958); ``level`` is the intercept at
    slope 1 (above 0: more bads than promised). They are None where the group has too few bads or goods. ``ece`` has no interval: it
    is never 0 by luck alone, and ``ece_by_luck`` is what true PDs would show on as many independent rows.
    """

    by: str
    group: str
    rows: int
    bads: int
    mean_pd: float
    bad_rate: Estimate
    slope: Estimate | None
    intercept: Estimate | None
    level: Estimate | None
    brier: Estimate
    log_loss: Estimate
    ece: float
    ece_by_luck: float


def calibration_by(
    y: Values,
    pd: Values,
    groups: Mapping[str, NDArray[np.str_]],
    *,
    suppliers: NDArray[np.str_],
    confidence: float = 0.95,
) -> list[CalibrationRow]:
    """Return one row over everything and one per value of every grouping, in the order of ``groups`` and of the sorted values.

    Parameters
    ----------
    y, pd
        Outcomes (1 is bad) and PDs in (0, 1), shape (n,).
    groups
        For each name, such as ``vintage`` or ``grade``, the group of each row as text, shape (n,).
    suppliers
        Who each row is of, shape (n,): rows of one supplier share their luck, and the intervals take it into account.
    confidence
        Of the intervals, which are normal ones.

    Notes
    -----
    Standard errors are robust to clusters of one supplier's rows: the sandwich of Liang and Zeger (1986) for the lines, and sums over
    suppliers for the means. Shocks that suppliers share are not in them, so between years the figures move more than they say.

    Examples
    --------
    >>> y, pd = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.2, 0.4])
    >>> table = calibration_by(y, pd, {"size": np.array(["big", "big", "small", "small"])}, suppliers=np.array(list("abcd")))
    >>> [(row.by, row.group, row.rows, row.bad_rate.value, row.slope) for row in table]
    [('all', 'all', 4, 0.5, None), ('size', 'big', 2, 0.5, None), ('size', 'small', 2, 0.5, None)]
    """
    lengths = {len(y), len(pd), len(suppliers), *map(len, groups.values())}
    if len(lengths) != 1 or not len(y):
        raise OutOfRange(f"outcomes, PDs, suppliers and groups must have one length above 0, found {sorted(lengths)}")
    if not 0.0 < confidence < 1.0:
        raise OutOfRange(f"confidence must lie strictly between 0 and 1, found {confidence}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    parts = [("all", "all", np.ones(len(y), dtype=np.bool_))]
    parts += [(by, str(group), of_row == group) for by, of_row in groups.items() for group in np.unique(of_row)]
    return [_row(by, group, y[chosen], pd[chosen], suppliers[chosen], z) for by, group, chosen in parts]


def _row(by: str, group: str, y: Values, pd: Values, suppliers: NDArray[np.str_], z: float) -> CalibrationRow:
    cluster = np.unique(suppliers, return_inverse=True)[1]
    slope = intercept = level = None
    if min(y.sum(), len(y) - y.sum()) >= MIN_OUTCOMES:
        log_odds = np.log(pd) - np.log1p(-pd)
        level = _line(np.ones((len(y), 1)), log_odds, y, cluster, z)[0]
        # PDs that are all alike, or separate good from bad without an error, have a level and no slope.
        with suppress(TrainingFailed):
            intercept, slope = _line(np.column_stack([np.ones(len(y)), log_odds]), np.zeros(len(y)), y, cluster, z)
    losses = -(y * np.log(pd) + (1.0 - y) * np.log1p(-pd))
    return CalibrationRow(
        by=by,
        group=group,
        rows=len(y),
        bads=int(y.sum()),
        mean_pd=float(pd.mean()),
        bad_rate=_mean(float(y.mean()), y, cluster, z),
        slope=slope,
        intercept=intercept,
        level=level,
        brier=_mean(brier(y, pd), (pd - y) ** 2, cluster, z),
        log_loss=_mean(log_loss(y, pd), losses, cluster, z),
        ece=ece(y, pd),
        ece_by_luck=_ece_by_luck(pd),
    )


def _mean(value: float, of_rows: Values, cluster: NDArray[np.intp], z: float) -> Estimate:
    """Return a mean with the interval that sums over clusters give; one cluster alone says nothing, and its interval is everything."""
    sums = np.bincount(cluster, weights=of_rows - of_rows.mean())
    if len(sums) < 2:
        return Estimate(value, -math.inf, math.inf)
    error = math.sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / len(of_rows)
    return Estimate(value, value - z * error, value + z * error)


def _line(design: Values, offset: Values, y: Values, cluster: NDArray[np.intp], z: float) -> list[Estimate]:
    """Return the likeliest weights of a logistic line with intervals from the cluster sandwich; one cluster's are everything."""
    weights = likeliest_line(design, y, offset=offset)
    p = 1.0 / (1.0 + np.exp(-np.clip(design @ weights + offset, -700.0, 700.0)))
    bread = np.linalg.inv((design * (p * (1.0 - p))[:, None]).T @ design)
    scores = np.column_stack([np.bincount(cluster, weights=column) for column in (design * (y - p)[:, None]).T])
    clusters = len(scores)
    if clusters < 2:
        return [Estimate(float(w), -math.inf, math.inf) for w in weights]
    meat = scores.T @ scores * (clusters / (clusters - 1))
    errors = np.sqrt(np.diag(bread @ meat @ bread))
    return [Estimate(float(w), float(w - z * e), float(w + z * e)) for w, e in zip(weights, errors, strict=True)]


def _ece_by_luck(pd: Values, bins: int = 10) -> float:
    """Return the ECE expected of true PDs: the mean distance of a binomial share from its mean, by its normal limit, over the bins."""
    parts = [part for part in np.array_split(np.sort(pd), bins) if len(part)]
    return float(sum(math.sqrt(2.0 / math.pi * float(np.sum(part * (1.0 - part)))) for part in parts) / len(pd))
