"""Does the model tell good from bad, how sure is that, and how good are its PDs overall? One bootstrap serves every measure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from credit.errors import LianxinError, TrainingFailed
from training.measures import auc, auc_standard_error, brier, calibration_line, ece, gini, ks, log_loss
from training.validation.clusters import Estimate, interval, resample
from training.validation.limits import Limits

Values = NDArray[np.float64]
Rows = NDArray[np.intp]

BIASED: Final = frozenset({"ks", "ece"})
"""Measures that resampling itself raises."""


def overall(y: Values, pd: Values, clusters: Rows, *, limits: Limits, seed: int) -> Mapping[str, Estimate]:
    """Return the measures of the test rows with intervals from suppliers drawn again.

    A measure that is not defined (a slope where the PDs are all alike or separate good from bad) has no value.
    """
    names = ("auc", "gini", "ks", "brier", "log_loss", "ece", "slope", "intercept")
    values = _measured(y, pd)
    draws = resample(lambda rows: _measured(y[rows], pd[rows]), clusters, draws=limits.bootstrap_draws, seed=seed)
    return {
        name: estimate(float(values[place]), draws[:, place], n=len(y), level=limits.interval_level, is_biased=name in BIASED)
        for place, name in enumerate(names)
    }


def estimate(value: float, draws: Values, *, n: int, level: float, is_biased: bool = False) -> Estimate:
    """Return a value with the interval of its draws; no value and no interval where it is not finite."""
    if not np.isfinite(value):
        return Estimate(None, None, None, n)
    low, high = interval(value, draws, level=level, is_biased=is_biased)
    return Estimate(value, low, high, n)


def area_errors(y: Values, pd: Values, clusters: Rows) -> Mapping[str, float | None]:
    """Return the AUC's standard error of independent rows (DeLong) and of rows clustered by supplier (Obuchowski)."""
    return {"delong": _or_none(lambda: auc_standard_error(y, pd)), "clustered": _or_none(lambda: auc_standard_error(y, pd, clusters))}


def curve(y: Values, risk: Values, *, steps: int = 50) -> list[dict[str, float]]:
    """Return the ROC curve at ``steps`` even shares of good: the share of bad at least as risky, interpolated."""
    order = np.argsort(-risk, kind="stable")
    last = np.append(np.flatnonzero(np.diff(risk[order])), len(risk) - 1)
    bads = np.concatenate([[0.0], np.cumsum(y[order])[last] / y.sum()])
    goods = np.concatenate([[0.0], np.cumsum(1.0 - y[order])[last] / (1.0 - y).sum()])
    at = np.linspace(0.0, 1.0, steps + 1)
    return [{"goods": good, "bads": bad} for good, bad in zip(at.tolist(), np.interp(at, goods, bads).tolist(), strict=True)]


def distribution(y: Values, points: Values, *, bins: int = 24) -> list[dict[str, Any]]:
    """Return the shares of good and of bad rows per band of points, lowest first."""
    edges = np.unique(np.linspace(points.min(), points.max(), bins + 1))
    if len(edges) < 2:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    goods, _ = np.histogram(points[y == 0], edges)
    bads, _ = np.histogram(points[y == 1], edges)
    return [
        {"points_from": low, "points_to": high, "goods": good / goods.sum(), "bads": bad / bads.sum()}
        for low, high, good, bad in zip(edges[:-1].tolist(), edges[1:].tolist(), goods.tolist(), bads.tolist(), strict=True)
    ]


def _measured(y: Values, pd: Values) -> Values:
    try:
        slope, intercept = calibration_line(y, pd)
    except TrainingFailed:
        slope = intercept = float("nan")
    return np.array([auc(y, pd), gini(y, pd), ks(y, pd), brier(y, pd), log_loss(y, pd), ece(y, pd), slope, intercept])


def _or_none(measure: Callable[[], float]) -> float | None:
    try:
        return measure()
    except LianxinError:
        return None
