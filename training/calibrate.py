"""Do the margins mean what they say? An affine map of the log-odds, fitted on rows no tree has seen."""

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from training.scorer import Calibration

_STEPS = 100
_TOLERANCE = 1e-12

Values = NDArray[np.float64]


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


def likeliest_line(design: Values, y: Values, *, offset: Values | None = None) -> Values:
    """Return the weights w under which the outcomes are most likely: P(bad) = 1 / (1 + exp(-(offset + design @ w))).

    Parameters
    ----------
    design
        Shape (n, k); a column of ones for an intercept.
    y
        1 bad, 0 good, shape (n,).
    offset
        Log-odds added before, shape (n,); 0 by default.

    Raises
    ------
    TrainingFailed
        The outcomes are all alike, or no finite weights are most likely.

    Notes
    -----
    Newton's method on the log-likelihood, halving a step that does not improve it.
    """
    if not 0 < y.sum() < len(y):
        raise TrainingFailed(f"a calibration needs good and bad rows, found {int(y.sum())} bad of {len(y)}")
    start = np.zeros(len(y)) if offset is None else offset
    rate = float(np.mean(y))
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(rate / (1.0 - rate)) - float(start.mean())
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ weights + start, -700.0, 700.0)))
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design
        if np.linalg.cond(curvature) > 1e14:
            raise TrainingFailed("no finite calibration exists: the margins are all alike or separate good from bad fully")
        step = np.linalg.solve(curvature, design.T @ (y - p))
        before = _log_likelihood(design, y, start, weights)
        while _log_likelihood(design, y, start, weights + step) < before and np.abs(step).max() > _TOLERANCE:
            step /= 2.0
        weights = weights + step
        if np.abs(step).max() <= _TOLERANCE * max(1.0, float(np.abs(weights).max())):
            break
    return weights


def _log_likelihood(design: Values, y: Values, offset: Values, weights: Values) -> float:
    z = design @ weights + offset
    return float(np.sum(y * z - np.logaddexp(0.0, z)))
