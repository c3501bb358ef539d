"""How good is a model? Ranking, calibration and stability, each by its formula, for outcomes y (1 is bad) and PDs or scores.

Scores of ranking measures rise with risk: pass a PD or a margin, not points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange

Values = NDArray[np.float64]


def auc(y: Values, risk: Values) -> float:
    """Return the share of bad-good pairs in which the bad one has the higher risk, ties a half; higher is better.

    Notes
    -----
    Mann-Whitney U over the number of pairs, 0 to 1; Hanley and McNeil (1982).

    Examples
    --------
    >>> auc(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    bad = _both_outcomes(y, risk)
    bads = int(bad.sum())
    ranks = _mid_ranks(risk)
    return float((ranks[bad].sum() - bads * (bads + 1) / 2) / (bads * (len(y) - bads)))


def gini(y: Values, risk: Values) -> float:
    """Return 2 AUC - 1, from -1 to 1; higher is better.

    Examples
    --------
    >>> gini(np.array([0.0, 1.0]), np.array([0.2, 0.7]))
    1.0
    """
    return 2.0 * auc(y, risk) - 1.0


def ks(y: Values, risk: Values) -> float:
    """Return the largest distance between the risk distributions of good and bad, 0 to 1; higher is better.

    Notes
    -----
    Two-sample Kolmogorov-Smirnov statistic.

    Examples
    --------
    >>> ks(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.5
    """
    bad = _both_outcomes(y, risk)
    steps = np.unique(risk)
    below_good = np.searchsorted(np.sort(risk[~bad]), steps, side="right") / (~bad).sum()
    below_bad = np.searchsorted(np.sort(risk[bad]), steps, side="right") / bad.sum()
    return float(np.max(np.abs(below_good - below_bad)))


def brier(y: Values, pd: Values) -> float:
    """Return the mean squared distance of PD and outcome, 0 to 1; lower is better. Brier (1950).

    Examples
    --------
    >>> brier(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    0.25
    """
    _probabilities(y, pd)
    return float(np.mean((pd - y) ** 2))


def log_loss(y: Values, pd: Values) -> float:
    """Return the mean negative log-likelihood of the outcomes, 0 and up; lower is better. PDs lie in (0, 1).

    Examples
    --------
    >>> round(log_loss(np.array([0.0, 1.0]), np.array([0.5, 0.5])), 6)  # ln 2
    0.693147
    """
    _probabilities(y, pd)
    return float(-np.mean(y * np.log(pd) + (1.0 - y) * np.log1p(-pd)))


def ece(y: Values, pd: Values, *, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equally many rows, 0 to 1; lower is better.

    Notes
    -----
    Sum over bins of share * |bad rate - mean PD|; rows are ordered by PD and cut into ``bins`` parts. It has a noise floor
    of about sqrt(pd (1 - pd) bins / n).

    Examples
    --------
    >>> round(ece(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.8, 0.8]), bins=2), 6)
    0.15
    """
    _probabilities(y, pd)
    order = np.argsort(pd, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(part) / len(y) * abs(y[part].mean() - pd[part].mean()) for part in parts))


def calibration_line(y: Values, pd: Values) -> tuple[float, float]:
    """Return slope and intercept of the outcomes on the log-odds of the PDs; 1 and 0 are best.

    A slope below 1 says the PDs are too far apart (overfitted), above 1 too close together, below 0 that more goods than bads have the
    higher ones. Cox (1958). Raises `TrainingFailed` where the outcomes or the PDs are all alike, or the PDs separate good from bad fully.
    """
    from training.calibrate import likeliest_line

    _probabilities(y, pd)
    intercept, slope = likeliest_line(np.column_stack([np.ones(len(pd)), np.log(pd) - np.log1p(-pd)]), y).tolist()
    return slope, intercept


def psi(reference_shares: Values, shares: Values, *, least: float = 1e-6) -> float:
    """Return the population stability index of two sets of shares over the same bins, 0 and up; lower is more stable.

    Notes
    -----
    Sum over bins of (share - reference) * ln(share / reference); shares below ``least`` count as ``least``. Below 0.1 is
    read as stable, above 0.25 as shifted. Siddiqi (2006), chapter 8.

    Examples
    --------
    >>> round(psi(np.array([0.5, 0.5]), np.array([0.25, 0.75])), 6)  # 0.25 ln 3
    0.274653
    """
    if reference_shares.shape != shares.shape:
        raise OutOfRange(f"shares must lie over the same bins, found {reference_shares.shape} and {shares.shape}")
    reference, found = np.maximum(reference_shares, least), np.maximum(shares, least)
    return float(np.sum((found - reference) * np.log(found / reference)))


@dataclass(frozen=True, slots=True)
class AucDifference:
    """AUC of a model less that of another on the same rows, and the standard error of the difference."""

    difference: float
    standard_error: float


def auc_standard_error(y: Values, risk: Values, clusters: NDArray[np.intp] | None = None) -> float:
    """Return the standard error of the AUC.

    Parameters
    ----------
    y, risk
        Outcomes and risks, shape (n,).
    clusters
        The supplier of each row as a whole number; without it rows count as independent.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988); with clusters Obuchowski, Biometrics 53 (1997), which is the same where every
    supplier has one row.
    """
    return _placement_error(y, *_placements(y, risk), clusters)


def auc_difference(y: Values, risk: Values, other: Values, clusters: NDArray[np.intp] | None = None) -> AucDifference:
    """Return AUC(risk) - AUC(other) on the same rows with its paired standard error; above 0 the first is better.

    Notes
    -----
    As `auc_standard_error`, of the differences of the placement values, row by row.
    """
    of_bad, of_good = _placements(y, risk)
    other_of_bad, other_of_good = _placements(y, other)
    error = _placement_error(y, of_bad - other_of_bad, of_good - other_of_good, clusters)
    return AucDifference(float(np.mean(of_bad) - np.mean(other_of_bad)), error)


def _placement_error(y: Values, of_bad: Values, of_good: Values, clusters: NDArray[np.intp] | None) -> float:
    bad = y == 1.0
    place = np.arange(len(y)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    size = int(place.max()) + 1
    sums = []
    for rows, placements in ((bad, of_bad), (~bad, of_good)):
        there = np.bincount(place[rows], minlength=size) > 0
        deviations = np.bincount(place[rows], placements - placements.mean(), minlength=size) / len(placements)
        if there.sum() < 2:
            raise OutOfRange(f"a standard error needs good and bad rows of two suppliers each, found {int(there.sum())}")
        sums.append((deviations, there.sum() / (there.sum() - 1.0)))
    (bads, of_bads), (goods, of_goods) = sums
    both = 2.0 * np.sum(bads * goods) * size / (size - 1.0)
    return float(np.sqrt(max(0.0, of_bads * np.sum(bads**2) + of_goods * np.sum(goods**2) + both)))


def _placements(y: Values, risk: Values) -> tuple[Values, Values]:
    """Return for each bad the share of goods it beats, and for each good the share of bads that beat it."""
    bad = _both_outcomes(y, risk)
    bads, goods = int(bad.sum()), int((~bad).sum())
    if min(bads, goods) < 2:
        raise OutOfRange(f"a standard error needs two good and two bad rows, found {goods} and {bads}")
    ranks = _mid_ranks(risk)
    of_bad = (ranks[bad] - _mid_ranks(risk[bad])) / goods
    of_good = 1.0 - (ranks[~bad] - _mid_ranks(risk[~bad])) / bads
    return of_bad, of_good


def _mid_ranks(values: Values) -> Values:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[place], dtype=np.float64)


def _both_outcomes(y: Values, risk: Values) -> NDArray[np.bool_]:
    if y.shape != risk.shape or y.ndim != 1:
        raise OutOfRange(f"outcomes and risks must be two lists of one length, found {y.shape} and {risk.shape}")
    if not np.isin(y, (0.0, 1.0)).all() or np.isnan(risk).any():
        raise OutOfRange("outcomes must be 0 or 1 and no risk missing: leave indeterminate and unscored rows out first")
    bad: NDArray[np.bool_] = y == 1.0
    if bad.all() or not bad.any():
        raise OutOfRange(f"ranking needs good and bad rows, found {int(bad.sum())} bad of {len(y)}")
    return bad


def _probabilities(y: Values, pd: Values) -> None:
    if y.shape != pd.shape or y.ndim != 1 or not len(y):
        raise OutOfRange(f"outcomes and PDs must be two lists of one length above 0, found {y.shape} and {pd.shape}")
    if not np.isin(y, (0.0, 1.0)).all() or not ((pd > 0) & (pd < 1)).all():
        raise OutOfRange("outcomes must be 0 or 1 and PDs strictly between 0 and 1")
