"""Are the suppliers of the test window still those the model learnt from? PSI per feature and of the score, beside chance."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import special

from credit.errors import OutOfRange
from training.measures import psi
from training.reference import PERCENTILES, Distribution
from training.validation.clusters import Estimate, resample
from training.validation.discrimination import estimate
from training.validation.limits import Limits

Values = NDArray[np.float64]
Rows = NDArray[np.intp]
SCORE_BINS = 10


class Drift(StrEnum):
    """What a PSI says once chance is taken off."""

    STABLE = "stable"
    WATCH = "watch"
    SHIFTED = "shifted"


@dataclass(frozen=True, slots=True)
class FeatureStability:
    """PSI of one feature or the score, its bins, the largest PSI chance alone would give, and the shares missing then and now."""

    name: str
    psi: float
    bound: float
    bins: int
    drift: Drift
    missing_then: float
    missing_now: float


def psi_bound(*, reference: float, found: float, bins: int, level: float) -> float:
    """Return the PSI that two samples of one distribution exceed with probability 1 - ``level``; 0 where there is one bin.

    Notes
    -----
    (1 / reference + 1 / found) times the ``level`` quantile of chi-square with bins - 1 degrees. Yurdakul and Naranjo,
    Statistical properties of the population stability index, Journal of Risk Model Validation 14 (2020).

    Examples
    --------
    Two samples of 100 over three bins at 95 %: (1/100 + 1/100) * -2 ln 0.05.

    >>> round(psi_bound(reference=100, found=100, bins=3, level=0.95), 6)
    0.119829
    """
    if min(reference, found) <= 0 or bins < 1:
        raise OutOfRange(f"samples and bins must be above 0, found {reference}, {found} and {bins}")
    return float((1.0 / reference + 1.0 / found) * special.chdtri(bins - 1, 1.0 - level)) if bins > 1 else 0.0


def stability_of(
    name: str, then: Values, now: Values, *, samples: tuple[float, float], missing: bool, level: float, limits: Limits
) -> FeatureStability:
    """Return the stability of shares per bin; ``missing`` says that the last bin is the missing share.

    ``samples`` are the independent observations then and now (suppliers, not rows), ``level`` that of the bound.
    """
    bins = int(np.sum((then > 0) | (now > 0)))
    index, bound = psi(then, now), psi_bound(reference=samples[0], found=samples[1], bins=max(1, bins), level=level)
    drift = Drift.STABLE
    if index > bound and index >= limits.psi_watch:
        drift = Drift.SHIFTED if index >= limits.psi_shifted else Drift.WATCH
    then_missing, now_missing = (float(then[-1]), float(now[-1])) if missing else (0.0, 0.0)
    return FeatureStability(name, index, bound, bins, drift, then_missing, now_missing)


def feature_bins(values: Values, distribution: Distribution) -> tuple[Values, Rows]:
    """Return the reference shares with the missing one last, and the bin of each value of one feature."""
    then = np.array([*distribution.shares, distribution.missing])
    place = np.searchsorted(np.asarray(distribution.edges), values, side="right")
    return then, np.where(np.isnan(values), len(distribution.shares), place).astype(np.intp)


def score_bins(points: Values, percentiles: tuple[float, ...]) -> tuple[Values, Rows]:
    """Return the reference shares of the score between its deciles, and the bin of each score.

    Equal deciles fall together; a bin's reference share is the percentiles that lie in it.
    """
    deciles = np.asarray(percentiles)[:: PERCENTILES // SCORE_BINS][1:-1]
    edges, repeats = np.unique(deciles, return_counts=True)
    steps = np.concatenate([[0], np.cumsum(repeats), [SCORE_BINS]])
    return np.diff(steps) / SCORE_BINS, np.searchsorted(edges, points, side="right").astype(np.intp)


def shares(place: Rows, bins: int) -> Values:
    """Return the share of rows per bin."""
    return np.asarray(np.bincount(place, minlength=bins) / len(place), dtype=np.float64)


def psi_estimate(then: Values, place: Rows, clusters: Rows, *, limits: Limits, seed: int) -> Estimate:
    """Return a PSI with the interval of suppliers drawn again; the reference stands as it is kept in the bundle."""
    value = psi(then, shares(place, len(then)))
    draws = resample(lambda rows: np.array([psi(then, shares(place[rows], len(then)))]), clusters, draws=limits.bootstrap_draws, seed=seed)
    return estimate(value, draws[:, 0], n=len(place), level=limits.interval_level, is_biased=True)
