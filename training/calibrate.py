"""Do the margins mean what they say? An affine map of the log-odds, fitted on rows no tree has seen."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from credit.policy import Policy
from training.scorer import Calibration

_STEPS = 100
_TOLERANCE = 1e-12

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CalibrationPolicy:
    """How far the newest months may move the map of all training rows; see ``credit/policies/calibration.toml``."""

    newest_months: int = 6
    slope_sd: float = 0.1
    level_sd: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a window of no months and deviations that are not finite and above 0."""
        if self.newest_months < 1 or not all(math.isfinite(sd) and sd > 0.0 for sd in (self.slope_sd, self.level_sd)):
            raise OutOfRange(f"a calibration needs at least one newest month and deviations above 0, found {self}")

    @classmethod
    def from_policy(cls, policy: Policy) -> "CalibrationPolicy":
        """Read the numbers from the policy `calibration`."""
        return cls(policy.whole("newest_months"), policy.number("slope_sd"), policy.number("level_sd"))


def calibrate(
    margins: Values,
    y: Values,
    *,
    as_of: NDArray[np.datetime64],
    suppliers: NDArray[np.str_],
    policy: CalibrationPolicy,
    repeats: float | None = None,
) -> Calibration:
    """Return the affine map of all rows, moved towards that of the newest as-of dates as far as these have something to say.

    Parameters
    ----------
    margins
        Log-odds of bad from boosters that never saw the row's supplier, shape (n,).
    y
        1 bad, 0 good, of matured labels.
    as_of, suppliers
        Of each row; a supplier's rows of neighbouring months repeat each other and count as one.
    policy
        How many as-of dates are the newest, and how far slope and level may differ from all rows'.
    repeats
        How many of the newest rows count as one; by default as many as a supplier has of them.

    Raises
    ------
    OutOfRange, TrainingFailed
        As `fit_calibration`.

    Notes
    -----
    The posterior mode under a normal prior around the map of all rows, for the slope and for the level at the window's mean margin
    (Gelman and others, Bayesian Data Analysis, 2013, chapter 16). Few bads leave the map where all rows put it; a downturn within the
    window moves it. The measurements behind it: docs/decisions/0013.
    """
    whole = fit_calibration(margins, y)
    newest = np.flatnonzero(np.isin(as_of, np.unique(as_of)[-policy.newest_months :]))
    middle = float(margins[newest].mean())
    level, slope = likeliest_line(
        np.column_stack([np.ones(len(newest)), margins[newest] - middle]),
        y[newest],
        prior=np.array([whole.intercept + whole.slope * middle, whole.slope]),
        prior_sd=np.array([policy.level_sd, policy.slope_sd]),
        repeats=len(newest) / len(np.unique(suppliers[newest])) if repeats is None else repeats,
    ).tolist()
    return Calibration(slope=slope, intercept=level - slope * middle)


def fit_calibration(margins: Values, y: Values) -> Calibration:
    """Return the affine map of the margins under which the outcomes are most likely (Platt scaling without penalty).

    Parameters
    ----------
    margins
        Log-odds of bad from boosters that did not see the row, shape (n,).
    y
        1 bad, 0 good.

    Raises
    ------
    OutOfRange
        The slope is not above 0: the margins do not rank the outcomes, and points would run the wrong way.
    TrainingFailed
        The outcomes are all alike, or the margins separate them without an error, so that no finite map is most likely.

    Notes
    -----
    Platt, Probabilistic Outputs for Support Vector Machines (1999).

    Examples
    --------
    Of ten rows with margin -1 two are bad, and of ten with margin 1 eight: log-odds -ln 4 and ln 4.

    >>> margins = np.repeat([-1.0, 1.0], 10)
    >>> y = np.array([1.0] * 2 + [0.0] * 8 + [1.0] * 8 + [0.0] * 2)
    >>> round(fit_calibration(margins, y).slope, 6)  # ln 4
    1.386294
    """
    if len(margins) != len(y) or not np.isfinite(margins).all():
        raise OutOfRange(f"margins must be finite and as many as outcomes, found {len(margins)} and {len(y)}")
    intercept, slope = likeliest_line(np.column_stack([np.ones(len(margins)), margins]), y).tolist()
    return Calibration(slope=slope, intercept=intercept)


def likeliest_line(
    design: Values,
    y: Values,
    *,
    offset: Values | None = None,
    prior: Values | None = None,
    prior_sd: Values | None = None,
    repeats: float = 1.0,
) -> Values:
    """Return the weights w under which the outcomes are most likely: P(bad) = 1 / (1 + exp(-(offset + design @ w))).

    Parameters
    ----------
    design
        Shape (n, k); a column of ones first for an intercept.
    y
        1 bad, 0 good, shape (n,).
    offset
        Log-odds added before, shape (n,); 0 by default.
    prior, prior_sd
        Means and deviations of a normal prior of the weights, shape (k,); none by default.
    repeats
        How many rows count as one.

    Raises
    ------
    TrainingFailed
        The outcomes are all alike, or no finite weights are most likely; neither can be where there is a prior.

    Notes
    -----
    Newton's method on the log-likelihood, halving a step that does not improve it.
    """
    if prior is None and not 0 < y.sum() < len(y):
        raise TrainingFailed(f"a calibration needs good and bad rows, found {int(y.sum())} bad of {len(y)}")
    start = np.zeros(len(y)) if offset is None else offset
    weights = np.zeros(design.shape[1]) if prior is None else prior.copy()
    if prior is None:
        rate = float(np.mean(y))
        weights[0] = np.log(rate / (1.0 - rate)) - float(start.mean())
    centre, precision = weights.copy(), np.zeros(len(weights)) if prior_sd is None else prior_sd**-2.0

    def worth(w: Values) -> float:
        z = design @ w + start
        return float(np.sum(y * z - np.logaddexp(0.0, z))) / repeats - float(precision @ (w - centre) ** 2) / 2.0

    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ weights + start, -700.0, 700.0)))
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design / repeats + np.diag(precision)
        if np.linalg.cond(curvature) > 1e14:
            raise TrainingFailed("no finite calibration exists: the margins are all alike or separate good from bad fully")
        step = np.linalg.solve(curvature, design.T @ (y - p) / repeats - precision * (weights - centre))
        before = worth(weights)
        while worth(weights + step) < before and np.abs(step).max() > _TOLERANCE:
            step /= 2.0
        weights = weights + step
        if np.abs(step).max() <= _TOLERANCE * max(1.0, float(np.abs(weights).max())):
            break
    return weights
